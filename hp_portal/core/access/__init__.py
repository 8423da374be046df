"""The door: rules on routes, the one gate, who is signed in."""
