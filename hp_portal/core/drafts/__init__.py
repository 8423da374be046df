"""Drafts: long forms that are kept while they are typed, for the people of an organization."""
