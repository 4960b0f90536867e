"""The two WebAuthn ceremonies: creating a passkey, and proving possession of it.

Options and credentials are JSON, as in the browser APIs `parseCreationOptionsFromJSON` and `toJSON`. Challenges are
base64url.
"""

import secrets
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from koyjabo.base.core.identity import Account
from koyjabo.base.models import Passkey
from koyjabo.people.accounts.errors import WrongPasskey

if TYPE_CHECKING:
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

TIMEOUT_MS = 300_000
SHORTEST_ID, LONGEST_ID = 16, 1023
"""Length of a credential id, bytes (WebAuthn, 4: Credential ID)."""

# Import webauthn late: it takes 5 MB and 0.2 s, and most workers never need it.


class RelyingParty(NamedTuple):
    """Where passkeys are valid: a host name, and the origin of the pages that may use them."""

    host: str
    origin: str


def new_challenge() -> str:
    return secrets.token_urlsafe(32)


def registration_options(
    site: RelyingParty, site_name: str, account: Account, credential_ids: Collection[str], challenge: str
) -> dict[str, Any]:
    import webauthn
    from webauthn.helpers import base64url_to_bytes, options_to_json_dict, structs

    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=site_name,
        user_id=account.id.encode(),
        user_name=account.email,
        user_display_name=account.name,
        challenge=base64url_to_bytes(challenge),
        timeout=TIMEOUT_MS,
        exclude_credentials=_descriptors(credential_ids),
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
    )
    return options_to_json_dict(options)


def verify_registration(site: RelyingParty, credential: dict[str, Any], challenge: str, user_id: str) -> Passkey:
    """Verify a user's new passkey, which still has no id, name and time. Raises WrongPasskey."""
    import webauthn
    from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

    try:
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
        )
    except Exception as error:  # the library parses the client's input and fails in many ways
        raise WrongPasskey from error
    if not SHORTEST_ID <= len(verified.credential_id) <= LONGEST_ID:
        raise WrongPasskey
    return Passkey(
        user_id=user_id,
        credential_id=bytes_to_base64url(verified.credential_id),
        public_key=bytes_to_base64url(verified.credential_public_key),
        sign_count=verified.sign_count,
    )


def login_options(
    site: RelyingParty, credential_ids: Collection[str], challenge: str, is_alone: bool
) -> dict[str, Any]:
    """Options for a login. With `is_alone`, the passkey also replaces the password, so the device has to verify its
    owner.
    """
    import webauthn
    from webauthn.helpers import base64url_to_bytes, options_to_json_dict
    from webauthn.helpers.structs import UserVerificationRequirement as Verification

    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        challenge=base64url_to_bytes(challenge),
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(credential_ids),
        user_verification=Verification.REQUIRED if is_alone else Verification.PREFERRED,
    )
    return options_to_json_dict(options)


def verify_login(
    site: RelyingParty, credential: dict[str, Any], challenge: str, passkey: Passkey, is_alone: bool
) -> int:
    """Verify a passkey.

    Returns its new counter. Raises WrongPasskey, including for a counter that has not increased, because the passkey
    was then copied. The credential may identify the user, and must do so with `is_alone` (WebAuthn, 7.2, step 6).
    """
    import webauthn
    from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json

    try:
        owner = parse_authentication_credential_json(credential).response.user_handle
        if owner != passkey.user_id.encode() and (owner is not None or is_alone):
            raise WrongPasskey
        used = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=is_alone,
        )
    except Exception as error:  # as above
        raise WrongPasskey from error
    return used.new_sign_count


def _descriptors(credential_ids: Collection[str]) -> "list[PublicKeyCredentialDescriptor]":
    from webauthn.helpers import base64url_to_bytes
    from webauthn.helpers.structs import PublicKeyCredentialDescriptor

    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(credential_id)) for credential_id in credential_ids]
