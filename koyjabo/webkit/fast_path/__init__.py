"""The fast path for the most frequent requests, and the context that its handlers receive."""
