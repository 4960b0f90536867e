"""WebSockets and streams on the event loop: handshake, frames, connections and Engine.IO."""
