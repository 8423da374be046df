"""Downloads of Remittance Inquiry."""

from .blueprint import blueprint as blueprint
