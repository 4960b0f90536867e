"""HTTP on the event loop: idle connections need no tasks, llhttp parses requests, and a WSGI application responds."""
