"""The directory: what members see of practitioners and locations, published from the record."""
