"""A worker's event loop: tasks and timers, one poller for all sockets, and the fair queue of requests."""
