"""Before the crowd comes: the past, the communities, and the keys of their members."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from demo import cast, history
from demo.backdated import Chronicle
from demo.cast import Member
from demo.founding import Founding
from demo.site import Refusal
from demo.stage import Scene
from demo.target_site import NotHere
from demo.visitor_lives import Key
from koyjabo.errors import EmailTaken
from koyjabo.settings.schema import Settings

UNAUTHORIZED = 401
NO_PAST = "There are visits already, so no past is made up: the ledger goes by time. On an empty database it would be."
OTHER_PASSWORDS = (
    "The people of an earlier demo are here, and SECRET_KEY was another one then, which their passwords are made "
    "from. Use that one, or another database."
)

Tell = Callable[[str], None]


class Prepared(NamedTuple):
    communities: dict[str, str]
    """Their ids by name."""
    keys: dict[Member, Key]
    guide: Member
    """Whom somebody may log in as to look around."""


def prepare(settings: Settings, scene: Scene, tell: Tell) -> Prepared:
    """Make what is missing. Raises NotHere, Refusal, OSError, HTTPException, ValueError, LedgerUnavailable."""
    password = cast.password(settings.secret_key)
    keys = {member: Key(scene, member, password) for member in cast.members()}
    guide = next(iter(keys))
    _write(settings, tell, are_known=_opens(keys[guide]))
    found = scene.site.call("GET", "/api/communities?per_page=100", device=guide.device, token=keys[guide].token())
    communities = {each["name"]: each["id"] for each in found}
    return Prepared(communities, {who: key for who, key in keys.items() if who.community in communities}, guide)


def _opens(key: Key) -> bool:
    try:
        return bool(key.token())
    except Refusal as refusal:
        if refusal.status != UNAUTHORIZED:
            raise
        return False


def _write(settings: Settings, tell: Tell, are_known: bool) -> None:
    chronicle = Chronicle(settings.database, settings.zone)
    try:
        is_new = chronicle.count() == 0
        if not is_new:
            tell(NO_PAST)
        if not are_known:
            _found(chronicle, settings, is_new, tell)
    except EmailTaken:
        raise NotHere(OTHER_PASSWORDS) from None
    finally:
        chronicle.close()


def _found(chronicle: Chronicle, settings: Settings, with_past: bool, tell: Tell) -> None:
    now = datetime.now(settings.zone) - timedelta(minutes=1)
    ends_ms = int(now.timestamp() * 1000)
    begins_ms = int(history.begins(now).timestamp() * 1000) if with_past else ends_ms
    founding = Founding(chronicle, cast.password(settings.secret_key), begins_ms, ends_ms)
    if with_past:
        tell("Making up two weeks of visits…")
        written = history.Past(chronicle, founding, now).write()
        tell(f"{written:,} visits are on record, each counted as if it had come by itself.")
    founding.go_on(ends_ms)
