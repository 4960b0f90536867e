"""The table of work that one worker does at a time."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from koyjabo.base.models import ByKey, Day, Model


class NightlyWork(ByKey, Model):
    """Work that one worker does once a day: the last day it was started for, and the worker that started it.

    Some rows have another use: `reduced` has the first day whose visits may still have a person, and the start of this
    day (`upkeep.retention.reduction_queries`).
    `mail`, `insights` and `recount` are the leases of the workers that send emails, store blocks for reports, and
    recount (`base.jobs.job_queries`). `pairs` has, in `seen_ms`, how many rows were separated since the last recount
    (`base.database.pairs_postgres`).
    """

    __tablename__ = "nightly_work"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    day: Mapped[Day]
    worker: Mapped[str] = mapped_column(String(32))  # a name that the worker chose for this run
    seen_ms: Mapped[int]  # that worker's last heartbeat
    ended_ms: Mapped[int | None]
