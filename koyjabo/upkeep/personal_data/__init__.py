"""Lets users view, export and delete everything that is stored about their account."""
