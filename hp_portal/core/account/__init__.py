"""One's own pages: signing in and out, sessions, the password, the terms of use."""
