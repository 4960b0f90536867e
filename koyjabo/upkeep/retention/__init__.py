"""Removes old data: rolls up visits every night, and erases visitors on request."""
