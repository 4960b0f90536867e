"""Lets users see, export and delete everything that belongs to their account."""
