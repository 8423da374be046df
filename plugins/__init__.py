"""The applications that come with hp_portal, one folder each; `hp_portal_plugins` once installed."""

if __name__ != "hp_portal_plugins":
    # Run from the repository's root this folder is importable as `plugins` too, which would load every model twice.
    raise ImportError("import hp_portal_plugins, not plugins")
