"""What was denied, reduced and taken back across payments: Denials and Recoveries."""
