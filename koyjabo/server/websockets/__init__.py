"""WebSockets on the event loop: handshake, frames, connections, Engine.IO."""
