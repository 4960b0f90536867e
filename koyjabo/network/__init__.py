"""Facts about a client: its address, origin, place, browser, whether it is a crawler, and its rate limits."""
