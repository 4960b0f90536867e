"""HTTP on the event loop. Idle connections need no tasks, llhttp parses requests, and a WSGI application responds."""
