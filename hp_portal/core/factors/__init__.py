"""Second factors: what somebody signs in with besides the password."""
