"""Page views and events. Each is recorded once, and is on disk before the response."""
