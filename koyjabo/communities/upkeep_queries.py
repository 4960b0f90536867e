"""Keeps an admin in every community when accounts are deleted."""

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, aliased

from koyjabo.base.core.errors import LastAdmin
from koyjabo.base.core.i18n import N_
from koyjabo.base.database.rows import change_in_database
from koyjabo.base.database.upkeep_rules import UpkeepRules
from koyjabo.people.models import Community, Membership, User
from .roles import ADMIN

ONLY_ADMIN = N_(
    "You are the only admin of a community. Make another member an admin there first, or delete the community."
)
MAX_NAMED_COMMUNITIES = 100


class CommunityRules(UpkeepRules):
    signs_of_use = (exists().where(Community.id.is_not(None)),)

    def blocks_deletion(self, session: Session, user_id: str, language: str = "en") -> dict[str, str]:
        """Names of communities that have no other admin who can log in, by id, sorted by name. Archived ones are left
        out.
        """
        other, person = aliased(Membership), aliased(User)
        others = exists().where(
            *(other.community_id == Community.id, other.user_id != user_id, other.role == ADMIN),
            *(person.id == other.user_id, person.disabled_ms.is_(None), person.external_ref.is_(None)),
        )
        # Another system manages communities with a ref.
        active = Community.archived_ms.is_(None), Community.ref.is_(None)
        mine = (Membership.user_id == user_id, Membership.role == ADMIN, *active)
        query = select(Community).join(Membership, Membership.community_id == Community.id).where(*mine, ~others)
        rows = session.scalars(query.order_by(Community.name, Community.id).limit(MAX_NAMED_COMMUNITIES))
        return {community.id: community.name_in(language) for community in rows}

    def lock_account(self, session: Session, user_id: str) -> None:
        """Lock the communities that the user manages. Raises LastAdmin."""
        managed = select(Membership.community_id).where(Membership.user_id == user_id, Membership.role == ADMIN)
        rows = select(Community.id).where(Community.id.in_(managed)).order_by(Community.id)
        session.execute(rows.with_for_update()).all()
        if communities := self.blocks_deletion(session, user_id):
            raise LastAdmin(ONLY_ADMIN, communities)

    def release_account(self, session: Session, user_id: str) -> None:
        founded = update(Community).where(Community.founder_id == user_id).values(founder_id=None)
        change_in_database(session, founded)
