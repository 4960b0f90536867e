"""The fast path for the most frequent requests, and the context that handlers on it receive."""
