"""The event loop of a worker: its tasks and timers, one poller for all sockets, and the fair queue of requests."""
