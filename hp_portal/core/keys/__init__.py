"""The data keys: which of them the database's values are sealed with."""
