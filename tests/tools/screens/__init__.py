"""Pictures of the portal's own pages, taken from the demo."""
