"""The Applications menu, what is enabled for whom, mounting plugins."""
