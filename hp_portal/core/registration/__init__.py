"""Registration: how an office, a billing organization and the people in it come to an account."""
