"""The errors of reports."""

from __future__ import annotations

from koyjabo.core.errors import KoyJaboError, WrongCredentials
from koyjabo.core.i18n import N_


class UnknownShare(KoyJaboError):
    """The link never existed, has expired, or was revoked."""

    code = "unknown_share"
    status = 404
    sentence = N_("This share link no longer works. Ask for a new one.")


class ShareLocked(KoyJaboError):
    code = "share_locked"
    status = 401
    sentence = N_("This share link has a password. Open the link in a browser and enter it first.")


class WrongPassword(WrongCredentials):
    """The password of a share link is wrong."""

    code = "wrong_password"
    status = 401
    sentence = N_("Wrong password.")


class TooManyShares(KoyJaboError):
    code = "too_many_shares"
    status = 409
    sentence = N_("You have 200 share links, the maximum for one account. Revoke one first.")


class UnknownAnnotation(KoyJaboError):
    code = "unknown_annotation"
    status = 404
    sentence = N_("Annotation not found. It may already have been removed.")
