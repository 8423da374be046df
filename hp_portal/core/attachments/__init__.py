"""Files that people attach to what they send: looked at, cleaned, and given out as downloads alone."""
