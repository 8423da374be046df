"""What people agree to: texts in versions, and who has accepted which."""
