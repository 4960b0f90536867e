"""Clients: HTTP load, steady requests, thousands of WebSockets, and the messages they received."""
