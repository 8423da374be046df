"""Every macro of `templates/ui` on one page, with invented data; see `__main__` for the pictures."""
