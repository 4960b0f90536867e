"""Errors of accounts."""

from __future__ import annotations

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_


class WrongPasskey(KoyJaboError):
    code = "wrong_passkey"
    status = 401
    sentence = N_("This passkey could not be verified. Try again, or use another way.")


class SecondFactorExpired(KoyJaboError):
    """A two-step login has ended: it was completed, timed out, or had too many wrong codes."""

    code = "second_factor_expired"
    status = 401
    sentence = N_("This took too long, or there were too many wrong codes. Start again.")


class SecondFactorOn(KoyJaboError):
    code = "second_factor_on"
    status = 409
    sentence = N_("An authenticator app is already set up. Turn it off before you set up another.")


class NoSecondFactor(KoyJaboError):
    code = "no_second_factor"
    status = 409
    sentence = N_("There is no authenticator app to confirm or turn off. Set one up first.")


class EmailUnconfirmed(KoyJaboError):
    code = "email_unconfirmed"
    status = 409
    sentence = N_("Confirm your email first, with the link we sent you. Your account page can send a new one.")


class UnknownPasskey(KoyJaboError):
    code = "unknown_passkey"
    status = 404
    sentence = N_("Passkey not found. It may already have been removed.")


class TooManyPasskeys(KoyJaboError):
    code = "too_many_passkeys"
    status = 409
    sentence = N_("An account can have 20 passkeys. Remove one that you no longer use.")


class UnknownProvider(KoyJaboError):
    code = "unknown_provider"
    status = 404
    sentence = N_("No login method with this name exists here.")


class ProviderUnavailable(KoyJaboError):
    """An OpenID provider does not respond, or its response is not valid OpenID."""

    code = "provider_unavailable"
    status = 503
    sentence = N_("The other server does not respond right now. Try again in a moment, or log in another way.")
    retry_after_s = 10


class ProviderLoginRefused(KoyJaboError):
    """The provider's response belongs to a login that was not begun in this browser, or to a user without
    an account.
    """

    code = "provider_login_refused"
    status = 401
    sentence = N_("This login could not be verified. Start again.")


class ProviderConnected(KoyJaboError):
    code = "provider_connected"
    status = 409
    sentence = N_("This login is connected to another account here. Disconnect it there first.")


class LastWayToLogIn(KoyJaboError):
    code = "last_way_to_log_in"
    status = 409
    sentence = N_("Without this login you could no longer log in. Set a password first.")


class UnknownLink(KoyJaboError):
    code = "unknown_link"
    status = 404
    sentence = N_("This link no longer works: it was used, has expired, or is incomplete.")


class UnknownSession(KoyJaboError):
    code = "unknown_session"
    status = 404
    sentence = N_("Session not found. It may already have ended.")
