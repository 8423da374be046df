"""Files that people send: sealed in the database, in pieces, so that any worker can read them."""
