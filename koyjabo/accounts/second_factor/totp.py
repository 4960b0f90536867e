"""Codes of authenticator apps: TOTP (RFC 6238) with SHA-1, 6 digits and 30 s, which all apps know."""

from __future__ import annotations

import io
import re

import pyotp
from pyotp.exceptions import OTPVerificationError

ISSUER = "Koy Jabo"
STEP_MS = 30_000
STEPS_EITHER_SIDE = 1
CODE = re.compile("[0-9]{6}")


def new_secret() -> str:
    """160 random bits, base32."""
    return pyotp.random_base32()


def uri(secret: str, email: str) -> str:
    """`otpauth://totp/…`, which apps read from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def svg(text: str) -> str:
    """A QR code as an SVG without styles, which a Content-Security-Policy would refuse."""
    import segno  # late: 4 MB that few workers need

    out = io.BytesIO()
    segno.make_qr(text, error="m").save(
        out, kind="svg", xmldecl=False, omitsize=True, light="#fff", svgclass=None, lineclass=None
    )
    return out.getvalue().decode().strip()


def step_of(secret: str, code: str, now_ms: int) -> int | None:
    """The step (30 s, since 1970) of which this is the code: the present one, or one either side. None for a wrong
    code.
    """
    if not CODE.fullmatch(code):
        return None
    try:
        totp = pyotp.TOTP(secret)
        return totp.verify_and_get_timecode(code, for_time=now_ms / 1000, valid_window=STEPS_EITHER_SIDE)
    except OTPVerificationError:
        return None
