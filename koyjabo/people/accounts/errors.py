"""Errors of accounts."""

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_


class WrongPasskey(KoyJaboError):
    status = 401
    sentence = N_("This passkey could not be verified. Try again, or use another way.")


class SignUpClosed(KoyJaboError):
    """SIGN_UP is `invited`, and the request has no invitation."""

    status = 403
    sentence = N_("Only invited people can sign up here.")


class SecondFactorExpired(KoyJaboError):
    """A two-step login has ended: it was completed, timed out, or had too many wrong codes."""

    status = 401
    sentence = N_("This took too long, or there were too many wrong codes. Start again.")


class SecondFactorOn(KoyJaboError):
    status = 409
    sentence = N_("An authenticator app is already set up. Turn it off before you set up another.")


class NoSecondFactor(KoyJaboError):
    status = 409
    sentence = N_("There is no authenticator app to confirm or turn off. Set one up first.")


class EmailUnconfirmed(KoyJaboError):
    status = 409
    sentence = N_("Confirm your email first, with the link we sent you. Your account page can send a new one.")


class UnknownPasskey(KoyJaboError):
    status = 404
    sentence = N_("Passkey not found. It may already have been removed.")


class TooManyPasskeys(KoyJaboError):
    status = 409
    sentence = N_("An account can have 20 passkeys. Remove one that you no longer use.")


class UnknownProvider(KoyJaboError):
    status = 404
    sentence = N_("No login method with this name exists here.")


class ProviderUnavailable(KoyJaboError):
    """An OpenID provider does not respond, or its response is not valid OpenID."""

    status = 503
    sentence = N_("The other server does not respond right now. Try again in a moment, or log in another way.")
    retry_after_s = 10


class ProviderLoginRefused(KoyJaboError):
    """The provider's response belongs to a login that was not begun in this browser, or to a user without
    an account.
    """

    status = 401
    sentence = N_("This login could not be verified. Start again.")


class ProviderConnected(KoyJaboError):
    status = 409
    sentence = N_("This login is connected to another account here. Disconnect it there first.")


class LastWayToLogIn(KoyJaboError):
    status = 409
    sentence = N_("Without this login you could no longer log in. Set a password first.")


class UnknownLink(KoyJaboError):
    status = 404
    sentence = N_("This link no longer works: it was used, has expired, or is incomplete.")


class UnknownSession(KoyJaboError):
    status = 404
    sentence = N_("Session not found. It may already have ended.")
