"""HTTP on the event loop: connections without tasks, requests parsed by llhttp and answered through WSGI."""
