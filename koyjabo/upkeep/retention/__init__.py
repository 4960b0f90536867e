"""Removes old data: reduces visits every night, and erases visitors on request."""
