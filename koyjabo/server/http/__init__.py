"""HTTP on the event loop: connections without tasks, requests parsed by llhttp, responses from a WSGI application."""
