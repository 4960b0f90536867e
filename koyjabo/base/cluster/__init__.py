"""Communication between workers: the Redis client, the outbox, the bus and the registry of live workers."""
