"""HTTP on the event loop: connections without greenlets, requests parsed by llhttp and answered through WSGI."""
