"""Documents that people download: small ones at once, large ones by the worker, both within limits."""
