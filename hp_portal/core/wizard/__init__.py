"""Long forms in steps: a page each, a review, and one result."""
