"""The record as people read it, its seals, my activity."""
