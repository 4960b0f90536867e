"""Codes of authenticator apps: TOTP (RFC 6238) with SHA-1, 6 digits and 30 s, which all apps know. And recovery codes:
ten random texts of 80 bits, each good for one login without the app.
"""

from __future__ import annotations

import hmac
import io
import re
import secrets
import unicodedata

import pyotp
from pyotp.exceptions import OTPVerificationError

ISSUER = "Koy Jabo"
STEP_MS = 30_000
STEPS_EITHER_SIDE = 1
CODE = re.compile("[0-9]{6}")

RECOVERY_CODES = 10
LENGTH, GROUP = 16, 4
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: 5 bits a character, without letters that look like others."""

LOOK_ALIKE = str.maketrans("OIL", "011")


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


def new_recovery_codes() -> list[str]:
    """`7K3Q-XW2M-9D4T-HB6R`"""
    return [_grouped("".join(secrets.choice(ALPHABET) for _ in range(LENGTH))) for _ in range(RECOVERY_CODES)]


def normal(typed: str) -> str:
    """A code as it was meant: without spaces and hyphens, with the digits of any script as 0 to 9. Serves codes of
    authenticator apps as well.
    """
    text = "".join(_digit(character) for character in unicodedata.normalize("NFKC", typed))
    return re.sub(r"[\s\u2010-\u2015-]", "", text).upper()


def is_recovery_code(code: str) -> bool:
    """`code` is normal. Codes of apps have 6 digits."""
    return len(code) == LENGTH


def digest(secret: bytes, user_id: str, code: str) -> str:
    """A keyed hash of a normal code. A code has too many bits to be guessed, so it needs no slow hash."""
    meant = code.translate(LOOK_ALIKE)
    return hmac.digest(secret, f"recovery {user_id} {meant}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)
