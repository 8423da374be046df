"""Changes that offices send: long forms, and the cases they become."""
