"""How staff decide what cases propose: side by side, in part or whole, and back again."""
