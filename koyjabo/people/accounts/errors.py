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


class UnknownLink(KoyJaboError):
    status = 404
    sentence = N_("This link no longer works: it was used, has expired, or is incomplete.")


class UnknownSession(KoyJaboError):
    status = 404
    sentence = N_("Session not found. It may already have ended.")
