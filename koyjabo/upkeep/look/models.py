"""The mark of the site."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Digest, Model, ScopeId, Word


class SiteMark(ByKey, Model):
    """At most one row: the mark next to the site's name."""

    __tablename__ = "site_marks"

    scope: Mapped[ScopeId] = mapped_column(primary_key=True)  # SITE
    kind: Mapped[Word]  # of mark.MEDIA_TYPES
    content: Mapped[bytes]
    digest: Mapped[Digest]  # of the content
