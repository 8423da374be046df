"""Documents: tagged, accessible PDFs from templates."""
