"""Benches: figures as ratios to a baseline of the same run. `make bench` prints them; docs/figures.md says what they mean."""
