"""Verifies authenticator app codes and recovery codes. Each code is valid only once across all servers."""

import logging
from functools import partial

from koyjabo.base.core.clock import Clock
from koyjabo.base.core.errors import WrongCode
from koyjabo.base.core.sealer import Sealer
from koyjabo.base.core.secret_key import spellings
from koyjabo.base.database.executor import DatabaseExecutor
from koyjabo.people.accounts.errors import NoSecondFactor
from koyjabo.people.accounts.grants import LoginProof
from koyjabo.people.accounts.models import TotpSecret
from koyjabo.people.accounts.pending_step_queries import RECOVERY, TOTP
from koyjabo.people.accounts.pending_steps import STEP_VALID_S
from koyjabo.people.audit.queries import AuditRecord
from . import queries
from .one_time_codes import digest_of, is_recovery_code, new_recovery_codes, new_secret, normal, step_of

log = logging.getLogger(__name__)


class Codes:
    """Verifies users' codes. All methods raise LedgerUnavailable."""

    def __init__(self, database: DatabaseExecutor, clock: Clock, secret: str) -> None:
        self._database = database
        self._clock = clock
        self._secrets = [key.encode() for key in spellings(secret)]
        self._sealer = Sealer(secret, b"koyjabo totp secret")

    def prove(self, user_id: str, typed: str) -> LoginProof:
        """Check a code. Raises WrongCode, TooManyRequests. A recovery code is only verified when the proof is
        settled.
        """
        code = normal(typed)
        if is_recovery_code(code):
            digests = [digest_of(secret, user_id, code) for secret in self._secrets]
            return LoginProof(RECOVERY, partial(queries.spend_recovery_code, user_id=user_id, digests=digests))
        secret = self._database.write(queries.count_guess, user_id, self._clock.now_ms())
        if secret.confirmed_ms is None:
            raise WrongCode
        return LoginProof(
            TOTP, partial(queries.spend_step, user_id=user_id, step=self._step(secret.sealed, user_id, code))
        )

    def begin(self, user_id: str) -> str:
        """Create a secret, which takes effect when it is confirmed within STEP_VALID_S. Raises SecondFactorOn."""
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
    ) -> tuple[LoginProof, list[str]]:
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
        return LoginProof(TOTP, confirm), codes

    def new_recovery_codes(self, user_id: str) -> tuple[list[str], list[str]]:
        """Ten codes, and their stored form."""
        codes = new_recovery_codes()
        digests = [digest_of(self._secrets[0], user_id, normal(code)) for code in codes]
        return codes, digests

    def _unconfirmed(self, secret: TotpSecret | None) -> TotpSecret:
        is_old = secret is not None and secret.began_ms + STEP_VALID_S * 1000 <= self._clock.now_ms()
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
