"""Encodes WebSocket frames as servers send them: whole, unmasked and uncompressed (RFC 6455, 5.2). Also encodes stream
events (HTML, 9.2).
"""

from struct import pack

TEXT_OPCODE, BINARY_OPCODE, CLOSE_OPCODE, PING_OPCODE, PONG_OPCODE = 0x1, 0x2, 0x8, 0x9, 0xA
FINAL_BIT = 0x80
MASK_BIT = 0x80
MAX_REASON_BYTES = 123  # in bytes: a control frame holds 125, and the code takes two of them


def frame(payload: str | bytes, opcode: int = TEXT_OPCODE) -> bytes:
    """Encode a message as one frame."""
    data = payload.encode() if isinstance(payload, str) else payload
    length = len(data)
    if length < 126:
        return bytes((FINAL_BIT | opcode, length)) + data
    if length < 65536:
        return pack("!BBH", FINAL_BIT | opcode, 126, length) + data
    return pack("!BBQ", FINAL_BIT | opcode, 127, length) + data


def close_frame(code: int | None, reason: str = "") -> bytes:
    """Encode a close frame. A close frame without a `code` is the response to one without a code (RFC 6455, 7.4)."""
    if code is None:
        return frame(b"", CLOSE_OPCODE)
    text = reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()
    return frame(pack("!H", code) + text, CLOSE_OPCODE)


def stream_frame(text: str, event_id: str | None = None) -> bytes:
    """Encode one line of text as a stream event."""
    first = "" if event_id is None else f"id: {event_id}\n"
    return f"{first}data: {text}\n\n".encode()


def chunk(data: bytes) -> bytes:
    """Encode a chunk of a body (RFC 9112, 7.1). An empty one is the last."""
    return b"%x\r\n%b\r\n" % (len(data), data)
