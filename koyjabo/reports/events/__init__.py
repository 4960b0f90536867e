"""Page views and events: recorded once each, on disk before the request is answered."""
