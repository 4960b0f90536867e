"""Verifies authenticator app codes and recovery codes. Each code is valid only once across all servers.

Creates and checks one-time codes. Authenticator apps use TOTP (RFC 6238) with SHA-1, 6 digits and 30 s, which all
apps support. Recovery codes are ten random 80-bit strings; each is valid for one login without the app.
"""

import hmac
import io
import logging
import re
import secrets
import unicodedata
from functools import partial

import pyotp
from pyotp.exceptions import OTPVerificationError

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import WrongCode
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts.errors import NoSecondFactor
from koyjabo.people.accounts.login_sessions import PENDING_S, Proof
from koyjabo.people.accounts.models import TotpSecret
from koyjabo.people.accounts.pending_step_queries import RECOVERY, TOTP
from koyjabo.people.audit.queries import AuditRecord
from . import queries

STEP_MS = 30_000
STEPS_EITHER_SIDE = 1
CODE = re.compile("[0-9]{6}")

RECOVERY_CODES = 10
LENGTH, GROUP = 16, 4
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base32: 5 bits per character, without letters that look alike."""

LOOK_ALIKE = str.maketrans("OIL", "011")


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
    if not CODE.fullmatch(code):
        return None
    try:
        totp = pyotp.TOTP(secret)
        return totp.verify_and_get_timecode(code, for_time=now_ms / 1000, valid_window=STEPS_EITHER_SIDE)
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Ten new codes, such as `7K3Q-XW2M-9D4T-HB6R`."""
    return [_grouped("".join(secrets.choice(ALPHABET) for _ in range(LENGTH))) for _ in range(RECOVERY_CODES)]


def normal(typed: str) -> str:
    """Normalise a typed code: remove spaces and hyphens, and turn the digits of any script into 0 to 9. Also used for
    codes of authenticator apps.
    """
    text = "".join(_digit(character) for character in unicodedata.normalize("NFKC", typed))
    return re.sub(r"[\s\u2010-\u2015-]", "", text).upper()


def is_recovery_code(code: str) -> bool:
    """Whether a normalised code is a recovery code. Codes of apps have 6 digits."""
    return len(code) == LENGTH


def digest_of(secret: bytes, user_id: str, code: str) -> str:
    """A keyed hash of a normalised code. The code has too many bits to be guessed, so it needs no slow hash."""
    meant = code.translate(LOOK_ALIKE)
    return hmac.digest(secret, f"recovery {user_id} {meant}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _grouped(code: str) -> str:
    return "-".join(code[start : start + GROUP] for start in range(0, LENGTH, GROUP))


def _digit(character: str) -> str:
    value = unicodedata.digit(character, None)
    return character if value is None else str(value)


log = logging.getLogger(__name__)


class Codes:
    """Verifies users' codes. All methods raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secret = secret.encode()
        self._sealer = Sealer(secret, b"koyjabo totp secret")

    def prove(self, user_id: str, typed: str) -> Proof:
        """Check a code. Raises WrongCode, TooManyRequests. A recovery code is only verified when the proof is
        settled.
        """
        code = normal(typed)
        if is_recovery_code(code):
            digest = digest_of(self._secret, user_id, code)
            return Proof(RECOVERY, partial(queries.spend_recovery_code, user_id=user_id, digest=digest))
        secret = self._database.write(queries.count_guess, user_id, self._clock.now_ms())
        if secret.confirmed_ms is None:
            raise WrongCode
        return Proof(TOTP, partial(queries.spend_step, user_id=user_id, step=self._step(secret.sealed, user_id, code)))

    def begin(self, user_id: str) -> str:
        """Create a secret, which takes effect when it is confirmed within PENDING_S. Raises SecondFactorOn."""
        secret = new_secret()
        sealed = self._sealer.seal(secret, user_id)
        self._database.write(queries.begin_totp, user_id, sealed, self._clock.now_ms())
        return secret

    def begun(self, user_id: str) -> str:
        """The secret that is not confirmed yet. Raises NoSecondFactor."""
        secret = self._database.read(queries.secret, user_id)
        return self._open(self._unconfirmed(secret).sealed, user_id)

    def confirmation(
        self, user_id: str, typed: str, entry: AuditRecord, kept_session_id: str = ""
    ) -> tuple[Proof, list[str]]:
        """New recovery codes, and a proof that turns the authenticator app on when it is settled, and stores them and
        the audit entry (see `queries.confirm_totp`). Raises NoSecondFactor, WrongCode, TooManyRequests.
        """
        secret = self._unconfirmed(self._database.read(queries.secret, user_id))
        self._database.write(queries.count_guess, user_id, self._clock.now_ms())
        step = self._step(secret.sealed, user_id, normal(typed))
        codes, digests = self.new_recovery_codes(user_id)
        confirm = partial(
            queries.confirm_totp,
            user_id=user_id,
            sealed=secret.sealed,
            step=step,
            digests=digests,
            entry=entry,
            now_ms=self._clock.now_ms(),
            kept_session_id=kept_session_id,
        )
        return Proof(TOTP, confirm), codes

    def new_recovery_codes(self, user_id: str) -> tuple[list[str], list[str]]:
        """Ten codes, and their stored form."""
        codes = new_recovery_codes()
        digests = [digest_of(self._secret, user_id, normal(code)) for code in codes]
        return codes, digests

    def _unconfirmed(self, secret: TotpSecret | None) -> TotpSecret:
        is_old = secret is not None and secret.began_ms + PENDING_S * 1000 <= self._clock.now_ms()
        if secret is None or secret.confirmed_ms is not None or is_old:
            raise NoSecondFactor
        return secret

    def _step(self, sealed: str, user_id: str, code: str) -> int:
        step = step_of(self._open(sealed, user_id), code, self._clock.now_ms())
        if step is None:
            raise WrongCode
        return step

    def _open(self, sealed: str, user_id: str) -> str:
        secret = self._sealer.open(sealed, user_id)
        if secret is None:
            log.warning("totp_secret_unreadable try='koyjabo user second-factor reset'")
            raise WrongCode
        return secret
