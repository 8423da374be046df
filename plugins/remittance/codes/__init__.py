"""What codes mean: the plan's licensed lists, and plain words for the common codes."""
