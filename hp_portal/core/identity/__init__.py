"""People, passwords, sign-ins, staff roles, applications given and enabled."""
