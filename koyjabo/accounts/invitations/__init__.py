"""Invitations of all kinds."""
