"""Measurements of one run: a load on a server, broadcasts to its clients, and received messages."""
