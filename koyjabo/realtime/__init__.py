"""Rooms and bytes: who hears an event, how fast, and how other workers come to hear of it. Knows no tables."""
