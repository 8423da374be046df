"""Forms on paper: one layout for what every application prints."""
