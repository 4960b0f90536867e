"""What the code on Connect is for."""

LOOKS = ["number", "count", "react", "script", "pixel"]
"""Looks that need no other feature. Features add theirs."""
