"""Rules on routes, the one gate, Tax ID & NPI grants."""
