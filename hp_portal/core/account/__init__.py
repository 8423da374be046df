"""One's own pages: signing in and out, sessions, the password, agreements."""
