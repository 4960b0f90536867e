"""Community errors."""

from koyjabo.base.core.errors import KoyJaboError
from koyjabo.base.core.i18n import N_


class TooManyCommunities(KoyJaboError):
    status = 409
    sentence = N_(
        "You have created 20 communities, the maximum for one account. Delete one first, or ask a site admin."
    )


class RefTaken(KoyJaboError):
    status = 409
    sentence = "This ref is the id of another community here. Choose another ref."


class ChangedMeanwhile(KoyJaboError):
    status = 412
    sentence = "The list has changed since the ETag in If-Match was read. Get it again and repeat the change."


class PreconditionRequired(KoyJaboError):
    status = 428
    sentence = "Send If-Match with the ETag of the member list, so that other people's changes are not lost."


class MessageTooLarge(KoyJaboError):
    status = 413
    sentence = "data must not be larger than 4,096 bytes as JSON."
