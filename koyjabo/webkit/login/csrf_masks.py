"""Masks of CSRF tokens, for forms. Each answer has another one, so that the length of a packed answer tells nothing
about the token (BREACH). Django masks its tokens in the same way.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from secrets import token_bytes


def mask(token: str) -> str:
    """A random pad and the token under it, in base64. "" for no token."""
    plain = token.encode()
    pad = token_bytes(len(plain))
    return urlsafe_b64encode(pad + _xor(pad, plain)).decode()


def unmask(masked: str) -> bytes:
    """The token of a mask; b"" for a text that is not base64."""
    try:
        both = b64decode(masked.encode(), altchars=b"-_", validate=True)
    except ValueError:
        return b""
    half = len(both) // 2
    return _xor(both[:half], both[half:])


def _xor(pad: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(pad, text, strict=False))
