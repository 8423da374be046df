"""Tax ID & NPI access: an application of the core's own, through the same hooks as everybody's."""
