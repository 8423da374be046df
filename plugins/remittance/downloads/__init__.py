"""Files people take away from Remittance Inquiry: PDF, XLSX, CSV and the 835 itself."""
