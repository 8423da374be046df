"""How remittances come in: imports, uploads, reports, whose payment it is, and the staff's pages about them."""
