"""Tables that people send: reading CSV and Excel by a declared layout, and giving their own file back."""
