"""Clients of a running server: HTTP, WebSockets, Socket.IO and streams, one at a time or many at once."""
