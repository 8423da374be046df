"""What an office keeps about its payments for itself: marks, notes and saved searches. No other organization sees them."""
