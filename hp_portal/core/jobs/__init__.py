"""What runs beside the web: which worker holds a job, and what of plugins fails."""
