"""Errors of accounts."""

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_


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


class UnknownLink(KoyJaboError):
    status = 404
    sentence = N_("This link no longer works: it was used, has expired, or is incomplete.")


class UnknownSession(KoyJaboError):
    status = 404
    sentence = N_("Session not found. It may already have ended.")


class ProofRequired(KoyJaboError):
    """The call carries a session's cookie, and the session has no proof (specification: Proofs)."""

    status = 403
    sentence = "This needs more than a cookie. Enter your password on a page of the panel, or send an access token."
