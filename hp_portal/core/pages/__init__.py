"""Home, help, contact, e-Services, policies, errors, health."""
