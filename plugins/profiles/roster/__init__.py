"""The roster: who works where, as a table that an office downloads, changes and sends back."""
