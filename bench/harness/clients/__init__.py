"""Who asks servers: HTTP load, steady requests, thousands of WebSockets, and what these were sent."""
