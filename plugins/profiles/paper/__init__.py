"""The change form of a practitioner for other payers: made, printed, signed, and sent."""
