"""The log of visits: looking through it, exporting and importing it."""
