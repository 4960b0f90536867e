"""Validates what requests say about communities and their members."""

from collections.abc import Callable
from typing import Any

from pydantic_core import PydanticCustomError

from koyjabo.base.core.errors import InvalidInput
from koyjabo.base.core.i18n import N_
from koyjabo.base.core.identity import EXTERNAL_ID, MISTAKE, RESERVED_REFS
from koyjabo.web.schemas.validators import MISTAKEN_ID, refuse, text_up_to, valid_name
from .roles import COMMUNITY_ROLES

MAX_DESCRIPTION = 2000
DESCRIPTION_TOO_LONG = N_("must not be longer than 2,000 characters")

NOT_A_REF = "must have 1 to 255 printable ASCII characters"
RESERVED_REF = "must not be online, by-ref, . or .., which paths already use"


def description_text(value: Any) -> str:
    return "" if value is None else text_up_to(value, MAX_DESCRIPTION, DESCRIPTION_TOO_LONG)


def second_name_text(value: Any) -> str:
    is_missing = value is None or (isinstance(value, str) and not value.strip())
    return "" if is_missing else valid_name(value)


def known_role(value: Any) -> str:
    if not isinstance(value, str) or value not in COMMUNITY_ROLES:
        raise refuse(N_("must be member, moderator or admin"))
    return value


def ref_text(value: Any) -> str:
    if not isinstance(value, str) or not EXTERNAL_ID.fullmatch(value):
        raise refuse(NOT_A_REF)
    if value in RESERVED_REFS:
        raise refuse(RESERVED_REF)
    return value


def user_ref_text(value: Any) -> str:
    """The external id of a user who is added. Ids that earlier versions added by mistake can still be removed."""
    if isinstance(value, str) and MISTAKE.fullmatch(value):
        raise refuse(MISTAKEN_ID)
    return ref_text(value)


def checked_ref(name: str, text: str, check: Callable[[Any], str] = ref_text) -> str:
    """Validate an external id from a path. Raises InvalidInput with the reason for `name`."""
    try:
        return check(text)
    except PydanticCustomError as error:
        raise InvalidInput(details={name: error.message()}) from None
