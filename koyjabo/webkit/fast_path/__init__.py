"""The fast path of the most frequent requests, and the context that its handlers receive."""
