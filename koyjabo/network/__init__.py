"""Who calls: the client's address and origin, its place on the map, its browser, crawlers, and rate limits."""
