"""People, passwords, sign-in sessions, the terms of use."""
