"""The server's health: facts for the warnings on the page Server, and visits that are not saved."""

from pathlib import Path

from koyjabo.base.cluster.base import Base
from koyjabo.base.cluster.workers import RunningJob, Worker, host_name, machine_id
from koyjabo.base.core.errors import LedgerUnavailable
from koyjabo.base.core.identity import Account
from koyjabo.base.database import free_space
from koyjabo.base.jobs.running_jobs import RunningJobs
from koyjabo.base.network.location_finder import LocationFinder
from koyjabo.base.observability.observability_services import ObservabilityServices
from koyjabo.base.settings.database_url import file_of, is_ephemeral
from koyjabo.counting.unsaved_visits import Unsaved, UnsavedVisits
from koyjabo.counting.visits import Visits
from koyjabo.people.audit import log as audit
from koyjabo.upkeep.recounts.recounts import Recounts
from . import queries
from .database_advice import DatabaseAdvice
from .facts import StoredFacts, SystemFacts
from .readiness import Readiness, Ready


class Health:
    """Collects the facts. Call `report` every second.

    Methods that take an account are for site admins and viewers. They raise Forbidden for other accounts.
    """

    def __init__(self, base: Base) -> None:
        services = base.services
        self._settings = base.settings
        self._database = base.database
        self._clock = base.clock
        self._cluster, self._workers = base.cluster, base.cluster.workers
        self._visits, self._unsaved = services[Visits], services[UnsavedVisits]
        self._lag_s = services[ObservabilityServices].lag_s
        self._places = services[LocationFinder]
        self._jobs = services[RunningJobs]
        self._recounts = services[Recounts]
        self._readiness = services[Readiness]
        self._advice = services[DatabaseAdvice]
        self.recount_page: tuple[str, str] | None = None
        """Endpoint and anchor of the page about recounts, for the links in warnings."""

    @property
    def reads_ledger(self) -> bool:
        """Whether the database responded to this worker's last regular read, about a second ago."""
        return not self._visits.newest().stale

    def facts(self, account: Account, proxy_address: str) -> SystemFacts:
        """The facts. While the database cannot be read, only those that do not need it. `proxy_address`: the
        address that all clients of this worker seem to have (`base.network.client_address.LocalProxy`).
        """
        account.require_site_viewer()
        stored, ready = self._stored(account), self._readiness.checks()
        if stored is None:
            ready["database"] = Ready(False)
        self.report()
        settings = self._settings
        url = settings.database_url
        file = file_of(url)
        return SystemFacts(
            ready=ready,
            now_ms=self._clock.system_ms(),
            is_sqlite=file is not None,
            survives_deploy=not (settings.allow_ephemeral_storage and is_ephemeral(url)),
            expected_workers=settings.web_concurrency,
            workers=self._workers.live(),
            redis_refusal=self._cluster.redis_refusal,
            disk=free_space.read_disk(file.parent if file else Path.cwd()),
            unsaved=self.unsaved(),
            has_countries=self._places.has_countries,
            proxy_address=proxy_address,
            lacked_grants=self._advice.grants,
            stored=stored or StoredFacts(),
        )

    def _stored(self, account: Account) -> StoredFacts | None:
        """The facts from the database; None while it cannot be read."""
        if not self.reads_ledger:  # so no reader has to wait for it
            return None
        try:
            began_ms, began_now_ms = self._clock.elapsed_ms(), self._clock.system_ms()
            database_clock_ms = self._database.read(queries.clock_ms)
            took_ms = self._clock.elapsed_ms() - began_ms
            off_ms = 0 if database_clock_ms is None else round(database_clock_ms - began_now_ms - took_ms / 2)
            return StoredFacts(
                database=self._database.read(queries.facts),
                clock_off_ms=off_ms,
                recounts=self._recounts.state(account),
            )
        except LedgerUnavailable:
            return None

    def mark_rollback_seen(self, account: Account, at_ms: int) -> None:
        """Acknowledge the rollback of the database at `at_ms` (UTC), which must be the latest one. Raises Forbidden
        unless the account is a site admin, and LedgerUnavailable.
        """
        account.require_site_admin()
        self._database.write(queries.mark_rollback_seen, audit.actor(account, self._clock), at_ms)

    def jobs(self, account: Account) -> list[RunningJob]:
        """The running jobs of all workers, oldest first."""
        account.require_site_viewer()
        self.report()
        jobs = (job for worker in self._workers.live() for job in worker.jobs)
        return sorted(jobs, key=lambda job: job.began_ms)

    def unsaved(self) -> Unsaved | None:
        """Visits that live workers could not save; None while visits are being saved. Does not wait."""
        own, own_id = self._unsaved.now(), self._workers.own_id
        outages = [] if own is None else [own]
        for worker in self._workers.live():
            if worker.id != own_id and worker.unsaved_ms is not None:
                outages.append(Unsaved(worker.unsaved_ms, worker.unsaved_cause))
        if not outages:
            return None
        cause = next((outage.cause for outage in outages if outage.cause), "")
        return Unsaved(min(outage.since_ms for outage in outages), cause)

    def report(self) -> None:
        """Report this worker's state to the other workers. Does not wait."""
        unsaved = self._unsaved.now()
        me = Worker(
            id=self._workers.own_id,
            recount=self._recounts.progress(),
            lag_ms=round(self._lag_s() * 1000, 1),
            unsaved_ms=unsaved.since_ms if unsaved else None,
            unsaved_cause=unsaved.cause if unsaved else "",
            jobs=self._jobs.running(),
            machine=machine_id(),
            host=host_name(),
            clock_ms=self._clock.system_ms(),
        )
        self._workers.report(me)
