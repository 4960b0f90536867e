"""What workers say to each other: the Redis client, the outbox, and the registry of live workers."""
