"""Tests of the portal and its plugins."""
