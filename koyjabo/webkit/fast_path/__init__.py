"""The fast path of the most frequent requests, and what handlers get of one."""
