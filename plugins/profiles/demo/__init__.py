"""What the demo shows of Provider Data Profiles."""
