"""What an organization sees of its practitioners, locations and changes."""
