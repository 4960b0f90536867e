"""What all builders of services share."""

from __future__ import annotations

from dataclasses import dataclass

from koyjabo.accounts.passwords import Passwords
from koyjabo.application.backends import Backends
from koyjabo.application.signals import Signals
from koyjabo.clock import Clock
from koyjabo.counting.milestones import Milestones
from koyjabo.database.executor import DatabaseExecutor
from koyjabo.database.free_space import FreeSpace
from koyjabo.mail.link_tokens import LinkTokens
from koyjabo.mail.outbox import Outbox
from koyjabo.runtime import Runtime
from koyjabo.settings.schema import Settings


@dataclass(frozen=True, slots=True)
class Base:
    settings: Settings
    clock: Clock
    runtime: Runtime
    database: DatabaseExecutor
    signals: Signals
    backends: Backends
    outbox: Outbox
    link_tokens: LinkTokens
    passwords: Passwords
    milestones: Milestones
    space: FreeSpace  # of the database
