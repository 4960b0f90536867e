"""One-time codes. Authenticator apps use TOTP (RFC 6238) with SHA-1, 6 digits and 30 s, which all apps support.
Recovery codes are ten random 80-bit strings; each is valid for one login without the app.
"""

import hmac
import io
import re
import secrets
import unicodedata

import pyotp
from pyotp.exceptions import OTPVerificationError

CODE_STEP_MS = 30_000
STEPS_EITHER_SIDE = 1
APP_CODE = re.compile("[0-9]{6}")

RECOVERY_CODE_COUNT = 10
RECOVERY_CODE_LENGTH, RECOVERY_CODE_GROUP = 16, 4

RECOVERY_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: 5 bits per character, without letters that look alike."""

LOOK_ALIKE_DIGITS = str.maketrans("OIL", "011")


def new_secret() -> str:
    """A new secret: 160 random bits in base32."""
    return pyotp.random_base32()


def uri(secret: str, email: str, issuer: str) -> str:
    """The `otpauth://totp/…` URI that apps read from a QR code. Apps show the account below `issuer`."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def svg(text: str) -> str:
    """Draw a QR code as an SVG without inline styles, because the Content-Security-Policy would refuse them."""
    import segno  # imported late, because it takes 4 MB and few workers need it

    out = io.BytesIO()
    segno.make_qr(text, error="m").save(
        out, kind="svg", xmldecl=False, omitsize=True, light="#fff", svgclass=None, lineclass=None
    )
    return out.getvalue().decode().strip()


def step_of(secret: str, code: str, now_ms: int) -> int | None:
    """The 30 s step (since 1970) that this code is valid for: the current step, or the one before or after it. None for
    a wrong code.
    """
    if not APP_CODE.fullmatch(code):
        return None
    try:
        totp = pyotp.TOTP(secret)
        return totp.verify_and_get_timecode(code, for_time=now_ms / 1000, valid_window=STEPS_EITHER_SIDE)
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Ten new codes, such as `7K3Q-XW2M-9D4T-HB6R`."""
    return [
        _grouped("".join(secrets.choice(RECOVERY_ALPHABET) for _ in range(RECOVERY_CODE_LENGTH)))
        for _ in range(RECOVERY_CODE_COUNT)
    ]


def normal(typed: str) -> str:
    """Normalise a typed code: remove spaces and hyphens, and turn the digits of any script into 0 to 9. Also used for
    codes of authenticator apps.
    """
    text = "".join(_digit(character) for character in unicodedata.normalize("NFKC", typed))
    return re.sub(r"[\s\u2010-\u2015-]", "", text).upper()


def is_recovery_code(code: str) -> bool:
    """Whether a normalised code is a recovery code. Codes of apps have 6 digits."""
    return len(code) == RECOVERY_CODE_LENGTH


def digest_of(secret: bytes, user_id: str, code: str) -> str:
    """A keyed hash of a normalised code. The code has too many bits to be guessed, so it needs no slow hash."""
    meant = code.translate(LOOK_ALIKE_DIGITS)
    return hmac.digest(secret, f"recovery {user_id} {meant}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _grouped(code: str) -> str:
    return "-".join(
        code[start : start + RECOVERY_CODE_GROUP] for start in range(0, RECOVERY_CODE_LENGTH, RECOVERY_CODE_GROUP)
    )


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)
