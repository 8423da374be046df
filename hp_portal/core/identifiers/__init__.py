"""TIN and NPI: reading, masking, sealing."""
