"""Errors about API keys."""

from koyjabo.base.core.errors import KoyJaboError, LimitReached
from koyjabo.base.core.i18n import N_


class UnknownKey(KoyJaboError):
    status = 404
    sentence = N_("Key not found. It may already have been revoked.")


class TooManyKeys(LimitReached):
    status = 409
    sentence = N_("This server already has 100 keys, the maximum. Revoke one first.")


class RotatedMeanwhile(KoyJaboError):
    status = 409
    sentence = N_("This key was rotated a moment ago. Rotate it again if its new secret is lost.")
