"""What somebody typed, kept for a while under a word that may stand in an address."""
