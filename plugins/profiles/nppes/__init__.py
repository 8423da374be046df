"""What the national registry of NPIs (NPPES) says, where the payer has loaded its public file."""
