"""The event loop of a worker: its tasks and timers, one epoll for all sockets, and the turns of requests."""
