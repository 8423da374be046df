"""The record in and out: files of facts, and the list of specialties."""
