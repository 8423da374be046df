"""The ways back in for somebody who has forgotten their password or user name."""
