"""API calls of reports and events."""
