"""Page views and events: each is recorded once, and on disk before the response."""
