"""Finding the delegates of an organization, and asking them to contact somebody."""
