"""Errors raised by several packages. Errors raised by only one package are in its module `errors`."""

import re
from typing import Any

from .i18n import N_

INNER_CAPITAL = re.compile("(?<!^)(?=[A-Z])")


class KoyJaboError(Exception):
    """An error with a code for programs, a sentence that people can act on, and details by field.

    The code of a class with a `status` is its name in snake case, unless it sets another one. `status` is for HTTP
    responses; sockets map `code` to close codes. `retry_after_s` is set if the client should retry.
    """

    code = "internal_error"
    status = 500
    sentence = N_("Something went wrong on our side. Please try again.")
    retry_after_s: int | None = None

    def __init_subclass__(cls) -> None:
        own = vars(cls)
        if "status" in own and "code" not in own:
            cls.code = INNER_CAPITAL.sub("_", cls.__name__).lower()

    def __init__(self, sentence: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.details = details or {}


class InvalidInput(KoyJaboError):
    """Fields of the request are invalid. `details` has the reasons by field."""

    status = 400
    sentence = N_("Some fields are not valid; see details.")


class InvalidJson(KoyJaboError):
    status = 400
    sentence = "The body must be one JSON object in UTF-8."


class UnsupportedBody(KoyJaboError):
    code = "unsupported_media_type"
    status = 415
    sentence = "Send the body uncompressed, as application/json (or as text/plain)."


class NotBridged(KoyJaboError):
    status = 404
    sentence = "Only counting a visit and reading data/stats/global.json are supported here."


class UnknownVisitor(KoyJaboError):
    status = 404
    sentence = "This visitorId has not registered a visit yet. Call POST /api/visitor/register first."


class NotYetForgotten(KoyJaboError):
    """The visitor has so many visits that only some were erased. The next request continues."""

    status = 503
    sentence = "Erasing this visitor takes several requests. Repeat the request until it succeeds."
    retry_after_s = 1


class BackupUnderWay(KoyJaboError):
    """Only one backup is made in a folder at a time."""

    status = 409
    sentence = N_("A backup is being made. Please wait until it is done.")


class BackupsOff(KoyJaboError):
    status = 409
    sentence = N_("This server has nowhere to store backups: set BACKUP_DIR.")


class StillCounting(KoyJaboError):
    """Many visits have no block yet, after an upgrade or a repair (specification: Reports)."""

    status = 503
    sentence = N_("The visits of this server are being counted for reports. Please try again in a moment.")
    retry_after_s = 10


class UnknownCommunity(KoyJaboError):
    status = 404
    sentence = N_("Community not found, or you have no access to it.")


class Unauthenticated(KoyJaboError):
    status = 401
    sentence = "Log in first: send an access token as Authorization: Bearer, or the session's cookies."


class InvalidToken(KoyJaboError):
    status = 401
    sentence = "This token is not valid, or it has been revoked. Log in again."


class TokenExpired(KoyJaboError):
    status = 401
    sentence = "This token has expired. Get a new pair from POST /api/auth/refresh, or log in again."


class InvalidKey(KoyJaboError):
    status = 401
    sentence = "This API key is not valid, or it has been revoked."
    misplaced = "Send an API key to the API as Authorization: Bearer. It is not accepted in a URL, cookie or socket."


class KeyExpired(KoyJaboError):
    status = 401
    sentence = "This API key has expired. Ask the operator of this site for a new one."


class ScopeMissing(KoyJaboError):
    """The key is valid but lacks the scope `needed`, which is in the details."""

    status = 403
    sentence = "This API key lacks the scope that this call needs; see details."

    def __init__(self, needed: str) -> None:
        super().__init__(details={"needed": needed})


class LimitReached(KoyJaboError):
    """A limit on stored objects, such as API keys, is reached. A form shows the sentence."""


class WrongCredentials(KoyJaboError):
    status = 401
    sentence = N_("Wrong email or password.")


class WrongCode(KoyJaboError):
    """A wrong authenticator app code or recovery code."""

    status = 401
    sentence = N_("This code is wrong or was already used. Enter the newest one.")


class Forbidden(KoyJaboError):
    status = 403
    sentence = N_("Your role does not allow this.")


class AccountDisabled(Forbidden):
    status = 401
    sentence = N_("This account is disabled.")


class WrongCsrfToken(KoyJaboError):
    status = 403
    sentence = (
        "With the session's cookies, send the value of csrf_access_token as X-CSRF-TOKEN "
        "(to refresh: the value of csrf_refresh_token)."
    )


class EmailTaken(KoyJaboError):
    status = 409
    sentence = N_("An account with this email already exists. Log in, or use another email.")


class UnknownUser(KoyJaboError):
    status = 404
    sentence = N_("User not found. This person has to sign up first.")


class UnknownInvitation(KoyJaboError):
    status = 404
    sentence = N_("This invitation no longer works. It was used or revoked, or has expired. Ask for a new one.")


class LastAdmin(KoyJaboError):
    status = 409
    sentence = N_("A community needs an admin. Make another member an admin first, or delete the community.")


class TotalWouldFall(KoyJaboError):
    status = 409
    sentence = "Open pages would ignore a lower total. Start a new count, which they accept."


class TooManyRequests(KoyJaboError):
    code = "rate_limited"
    status = 429
    sentence = "Too many requests from this address. Wait as long as Retry-After says, then try again."

    def __init__(self, retry_after_s: int, sentence: str | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class TooBusy(KoyJaboError):
    status = 503
    sentence = N_("Too many people are logging in right now. Please try again shortly.")
    retry_after_s = 5


class TooManyConnections(KoyJaboError):
    status = 503
    sentence = N_("This server cannot accept another connection right now. Please try again shortly.")
    retry_after_s = 10


class MailUnavailable(KoyJaboError):
    """SMTP_URL is not set."""

    status = 501
    sentence = N_("Email is not set up on this server. Ask the people who run this site.")


class UnusableDatabase(KoyJaboError):
    """The database cannot store visits, and waiting will not help."""

    code = "unusable_database"


class Unusable(KoyJaboError):
    """A file, a folder or a database that an operator named cannot be used. The message says why, and what to do."""


class DatabaseInUse(KoyJaboError):
    """Another process prevents this operation. The message says which one, and what to do."""


class LedgerUnavailable(KoyJaboError):
    """The database did not confirm a commit, so nothing was counted, with one exception (specification: Failures)."""

    status = 503
    sentence = N_("The database cannot be reached right now. Please try again shortly.")
    retry_after_s = 2

    @classmethod
    def because(cls, cause: Exception) -> "LedgerUnavailable":
        """An error to raise elsewhere, with `cause` as its cause."""
        error = cls()
        error.__cause__ = cause
        return error


class DiskAlmostFull(KoyJaboError):
    """The remaining space on the database's disk is reserved for visits (specification: Failures)."""

    status = 503
    sentence = "The disk of this server is almost full, so events are not recorded. Send them again later."
    retry_after_s = 60


class BadHandshake(KoyJaboError):
    status = 400
    sentence = "This is not a WebSocket handshake (RFC 6455): Upgrade, Connection or Sec-WebSocket-Key is wrong."


class UnsupportedWebSocket(KoyJaboError):
    code = "upgrade_required"
    status = 426
    sentence = "Sec-WebSocket-Version must be 13."


class NoWebSockets(KoyJaboError):
    """WebSockets are not available, because the application runs under another WSGI server (specification: Python
    names).
    """

    code = "websockets_unavailable"
    status = 501
    sentence = "Plain WebSockets need Koy Jabo Live's own server (python wsgi.py); use Socket.IO at /socket.io/ here."


class NoStreams(KoyJaboError):
    """Streams are not available, because the application runs under another WSGI server (specification:
    Python names).
    """

    code = "streams_unavailable"
    status = 501
    sentence = "Streams need Koy Jabo Live's own server (python wsgi.py); use Socket.IO at /socket.io/ here."


class InvalidMessage(KoyJaboError):
    """A client sent an invalid message on a socket."""

    code = "invalid_message"
    sentence = 'Send one JSON object as text, such as {"type": "ping"} or {"type": "request_count"}.'
