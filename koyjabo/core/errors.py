"""The errors of the domain. Each transport has one table from `code` to its own status or close code."""

from __future__ import annotations

from typing import Any

from koyjabo.core.i18n import N_


class KoyJaboError(Exception):
    """An error with a code for programs, a sentence a person can act on, and details by field.

    `retry_after_s` is set if the client should try again later.
    """

    code = "internal_error"
    sentence = N_("Something went wrong on our side. Please try again.")
    retry_after_s: int | None = None

    def __init__(self, sentence: str | None = None, details: dict[str, Any] | None = None) -> None:
        super().__init__(sentence or self.sentence)
        self.details = details or {}


class InvalidInput(KoyJaboError):
    """Fields of the request are invalid. `details` has the reason by field."""

    code = "invalid_input"
    sentence = N_("Some fields are not valid; see details.")


class InvalidJson(KoyJaboError):
    code = "invalid_json"
    sentence = "The body must be one JSON object in UTF-8."


class UnsupportedBody(KoyJaboError):
    code = "unsupported_media_type"
    sentence = "Send the body as application/json (or as text/plain, as sendBeacon does), not compressed."


class NotBridged(KoyJaboError):
    code = "not_bridged"
    sentence = "Of this program's calls, only counting a visit and reading data/stats/global.json are served here."


class UnknownVisitor(KoyJaboError):
    code = "unknown_visitor"
    sentence = "This visitorId has not registered a visit yet. Call POST /api/visitor/register first."


class NotYetForgotten(KoyJaboError):
    """The visitor has very many visits, of which only some are erased so far. The next request continues."""

    code = "not_yet_forgotten"
    sentence = "Erasing this visitor takes several requests. Repeat the request until it succeeds."
    retry_after_s = 1


class BackupUnderWay(KoyJaboError):
    """One backup is made at a time, by all servers of a database."""

    code = "backup_under_way"
    sentence = N_("A backup is being made. Please wait until it is done.")


class FileImportUnderWay(KoyJaboError):
    """One file is checked or imported at a time."""

    code = "import_under_way"
    sentence = N_("Another file is being imported. Wait until it is done, or cancel it.")


class NoRoomForFile(KoyJaboError):
    """The folder for temporary files is full, or cannot be written to."""

    code = "no_room"
    sentence = N_("The file does not fit on this server. Make room in its folder for temporary files, then try again.")


class BackupsOff(KoyJaboError):
    code = "backups_off"
    sentence = N_("This server has no place for backups: set BACKUP_DIR or BACKUP_TO.")


class StillCounting(KoyJaboError):
    """The projection of the ledger has many visits to read, after an upgrade or a repair (specification: Reports)."""

    code = "still_counting"
    sentence = N_("The visits of this server are being counted for reports. Please try again in a moment.")
    retry_after_s = 10


class UnknownCommunity(KoyJaboError):
    code = "unknown_community"
    sentence = N_("Community not found, or you have no access to it.")


class Unauthenticated(KoyJaboError):
    code = "unauthenticated"
    sentence = "Log in first: send an access token as Authorization: Bearer, or the session's cookies."


class InvalidToken(KoyJaboError):
    code = "invalid_token"
    sentence = "This token is not valid, or it has been revoked. Log in again."


class TokenExpired(KoyJaboError):
    code = "token_expired"
    sentence = "This token has expired. Get a new pair from POST /api/auth/refresh, or log in again."


class InvalidKey(KoyJaboError):
    code = "invalid_key"
    sentence = "This API key is not valid, or it has been revoked."
    misplaced = "Send an API key as Authorization: Bearer to the API: it is good in no address, cookie or socket."


class KeyExpired(KoyJaboError):
    code = "key_expired"
    sentence = "This API key has expired. Ask whoever runs this site for another one."


class ScopeMissing(KoyJaboError):
    """The key is valid, and another scope allows the call: `needed` of the details."""

    code = "scope_missing"
    sentence = "This API key lacks the scope that this call needs; see details."

    def __init__(self, needed: str) -> None:
        super().__init__(details={"needed": needed})


class UnknownKey(KoyJaboError):
    code = "unknown_key"
    sentence = N_("Key not found. It may already have been revoked.")


class TooManyKeys(KoyJaboError):
    code = "too_many_keys"
    sentence = N_("This server already has 100 keys, the maximum. Revoke one first.")


class KeysUnavailable(KoyJaboError):
    """No public keys of AUTH_JWKS_URL were read yet."""

    code = "keys_unavailable"
    sentence = "The keys that verify this token could not be read yet. Please try again shortly."
    retry_after_s = 5


class WrongCredentials(KoyJaboError):
    code = "wrong_credentials"
    sentence = N_("Wrong email or password.")


class WrongCode(KoyJaboError):
    """Of an authenticator app, or a recovery code."""

    code = "wrong_code"
    sentence = N_("This code is wrong or was already used. Enter the newest one.")


class WrongPasskey(KoyJaboError):
    code = "wrong_passkey"
    sentence = N_("This passkey could not be verified. Try again, or use another way.")


class SecondFactorExpired(KoyJaboError):
    """The second step of a login is over: finished, too late, or after too many wrong codes."""

    code = "second_factor_expired"
    sentence = N_("This took too long, or there were too many wrong codes. Start again.")


class SecondFactorOn(KoyJaboError):
    code = "second_factor_on"
    sentence = N_("An authenticator app is already set up. Turn it off before you set up another.")


class NoSecondFactor(KoyJaboError):
    code = "no_second_factor"
    sentence = N_("There is no authenticator app to confirm or turn off. Set one up first.")


class EmailUnconfirmed(KoyJaboError):
    code = "email_unconfirmed"
    sentence = N_("Confirm your email first, with the link we sent you. Your account page can send a new one.")


class UnknownPasskey(KoyJaboError):
    code = "unknown_passkey"
    sentence = N_("Passkey not found. It may already have been removed.")


class TooManyPasskeys(KoyJaboError):
    code = "too_many_passkeys"
    sentence = N_("An account can have 20 passkeys. Remove one that you no longer use.")


class Forbidden(KoyJaboError):
    code = "forbidden"
    sentence = N_("Your role does not allow this.")


class AccountDisabled(Forbidden):
    code = "account_disabled"
    sentence = N_("This account is disabled.")


class WrongCsrfToken(KoyJaboError):
    code = "wrong_csrf_token"
    sentence = (
        "With the session's cookies, send the value of csrf_access_token as X-CSRF-TOKEN "
        "(to refresh: the value of csrf_refresh_token)."
    )


class EmailTaken(KoyJaboError):
    code = "email_taken"
    sentence = N_("An account with this email already exists. Log in, or use another email.")


class UnknownProvider(KoyJaboError):
    code = "unknown_provider"
    sentence = N_("There is no login with this name here.")


class ProviderUnavailable(KoyJaboError):
    """An OpenID provider does not answer, or not as one."""

    code = "provider_unavailable"
    sentence = N_("The other server does not answer right now. Try again in a moment, or log in another way.")
    retry_after_s = 10


class ProviderLoginRefused(KoyJaboError):
    """The answer of an OpenID provider is not to a login that was begun in this browser, or nobody here has it."""

    code = "provider_login_refused"
    sentence = N_("This login could not be verified. Start again.")


class ProviderConnected(KoyJaboError):
    code = "provider_connected"
    sentence = N_("This login is connected with another account here. Disconnect it there first.")


class LastWayToLogIn(KoyJaboError):
    code = "last_way_to_log_in"
    sentence = N_("Without this login you could no longer log in. Set a password first.")


class UnknownUser(KoyJaboError):
    code = "unknown_user"
    sentence = N_("User not found. This person has to sign up first.")


class UnknownInvitation(KoyJaboError):
    code = "unknown_invitation"
    sentence = N_("This invitation no longer works. Ask for a new one.")


class UnknownLink(KoyJaboError):
    code = "unknown_link"
    sentence = N_("This link no longer works: it was used, has expired, or is incomplete.")


class UnknownShare(KoyJaboError):
    """It never was, has expired, or was ended."""

    code = "unknown_share"
    sentence = N_("This share link no longer works. Ask for a new one.")


class ShareLocked(KoyJaboError):
    code = "share_locked"
    sentence = N_("This share link has a password. Open the link in a browser and enter it first.")


class WrongPassword(WrongCredentials):
    """Of a share link."""

    code = "wrong_password"
    sentence = N_("Wrong password.")


class TooManyShares(KoyJaboError):
    code = "too_many_shares"
    sentence = N_("You have 200 share links, the maximum for one account. Revoke one first.")


class UnknownSession(KoyJaboError):
    code = "unknown_session"
    sentence = N_("Session not found. It may already have ended.")


class UnknownAnnotation(KoyJaboError):
    code = "unknown_annotation"
    sentence = N_("Annotation not found. It may already have been removed.")


class LastAdmin(KoyJaboError):
    code = "last_admin"
    sentence = N_("A community needs an admin. Make another member an admin first, or delete the community.")


class TooManyCommunities(KoyJaboError):
    code = "too_many_communities"
    sentence = N_(
        "You have created 20 communities, the maximum for one account. Delete one first, or ask a site admin."
    )


class RefTaken(KoyJaboError):
    code = "ref_taken"
    sentence = "This ref is the id of another community here. Choose another ref."


class ChangedMeanwhile(KoyJaboError):
    code = "changed_meanwhile"
    sentence = "The list has changed since the ETag in If-Match was read. Get it again, and repeat the change."


class PreconditionRequired(KoyJaboError):
    code = "precondition_required"
    sentence = "Send If-Match with the ETag of the list of members, so that no change of others is lost."


class MessageTooLarge(KoyJaboError):
    code = "message_too_large"
    sentence = "data must not be longer than 4,096 bytes as JSON."


class TotalWouldFall(KoyJaboError):
    code = "total_would_fall"
    sentence = "This would lower the total, which open pages ignore. Start a new count: pages accept that."


class TooManyRequests(KoyJaboError):
    code = "rate_limited"
    sentence = "Too many requests from this address. Wait as long as Retry-After says, then try again."

    def __init__(self, retry_after_s: int, sentence: str | None = None) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class TooBusy(KoyJaboError):
    code = "too_busy"
    sentence = N_("Too many people are logging in right now. Please try again shortly.")
    retry_after_s = 5


class TooManyConnections(KoyJaboError):
    code = "too_many_connections"
    sentence = N_("This server has no place for another connection. Please try again shortly.")
    retry_after_s = 10


class MailUnavailable(KoyJaboError):
    """SMTP_URL is not set."""

    code = "mail_unavailable"
    sentence = N_("Email is not set up on this server. Ask the people who run this site.")


class UnusableDatabase(KoyJaboError):
    """The database cannot store visits, and waiting will not change that."""

    code = "unusable_database"


class DatabaseInUse(KoyJaboError):
    """Another process excludes this operation. The message says which one, and what to do."""


class LedgerUnavailable(KoyJaboError):
    """Nothing could be committed, so nothing was counted (specification: Failures)."""

    code = "ledger_unavailable"
    sentence = N_("The database cannot be reached right now; nothing was changed or counted. Please try again shortly.")
    retry_after_s = 2

    @classmethod
    def because(cls, cause: Exception) -> LedgerUnavailable:
        """An error to raise elsewhere than where `cause` was caught."""
        error = cls()
        error.__cause__ = cause
        return error


class DiskAlmostFull(KoyJaboError):
    """The rest of the database's disk is kept for visits (specification: Failures)."""

    code = "disk_almost_full"
    sentence = "The disk of this server is almost full, so events are not recorded. Send them again later."
    retry_after_s = 60
