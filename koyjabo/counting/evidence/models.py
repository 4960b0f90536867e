"""The spans of time when browsers showed a page."""

from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import BigKey, Model


class Attendance(Model):
    """The latest spans of a visit that was open recently, kept so that further spans can be added without counting time
    twice (`koyjabo.counting.evidence`). `visits.attended_ms` is `settled_ms` plus the union of `spans`.
    """

    __tablename__ = "attendance"

    visit_id: Mapped[BigKey] = mapped_column(primary_key=True, autoincrement=False)
    # Increases with every write, so that reports read only what is new (row `attendance` of `watermarks`).
    seq: Mapped[int] = mapped_column(index=True)
    settled_ms: Mapped[int]  # attended before `settled_until_ms`; no span may add to it
    settled_until_ms: Mapped[int]
    spans: Mapped[str]  # JSON: [[began_ms, ended_ms], …] in order, without overlap
    beats: Mapped[str]  # JSON: the latest heartbeats, [[at_ms, is_visible], …] in order
