"""Lets users view, export and delete everything that belongs to their account."""
