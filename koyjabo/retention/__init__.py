"""Removes old data: visits are rolled up every night, and visitors are erased on request."""
