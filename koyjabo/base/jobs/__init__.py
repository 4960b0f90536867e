"""Long-running work on a single worker across all servers: how it begins and ends, and how other workers see its
progress.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from koyjabo.base.cluster.base import Base

TABLES = ("models",)


def register(base: "Base") -> None:
    from .running_jobs import RunningJobs

    base.services.add(RunningJobs(base.clock))
