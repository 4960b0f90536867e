"""One contender, one fresh database, one series of loads; and rounds of them, interleaved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from harness import load, proc
from harness.contenders import POSTGRES, Contender
from harness.databases import Database, fresh_postgres, fresh_sqlite, is_exact
from harness.postgres import Postgres
from harness.processes import Server, serving
from harness.tables import progress

WARM_UP_S = 1
WARM_UP_CONNECTIONS = 8

Figures = dict[str, float]


@dataclass(frozen=True)
class Place:
    """Where runs happen: a folder on a real disk, a database server, and who works on which core."""

    folder: Path
    postgres: Postgres | None
    server_core: int
    load_core: int
    postgres_core: int | None

    def database(self, backend: str, is_empty: bool = False) -> AbstractContextManager[Database]:
        if backend == POSTGRES:
            return fresh_postgres(self.database_server, is_empty=is_empty)
        return fresh_sqlite(self.folder)

    @property
    def database_server(self) -> Postgres:
        assert self.postgres is not None, "no PostgreSQL was started for this"
        return self.postgres

    @contextmanager
    def serving(self, contender: Contender, database: Database, core: int | None = None) -> Iterator[Server]:
        env = {**database.env, **dict(contender.env)}
        where = self.server_core if core is None else core
        log = self.folder / f"server-{where}.log"
        with serving(contender.command, env, where, log, contender.folder) as server:
            yield server


@dataclass
class Run:
    """What one contender did in one round; figures by connections, memory of the worker in MB. `exact` is None where
    nothing is stored.
    """

    figures: dict[int, Figures] = field(default_factory=dict)
    registered: int = 0
    rss_before: float = 0.0
    rss_after: float = 0.0
    exact: bool | None = None


def rounds(
    contenders: Sequence[Contender], place: Place, times: int, loads: Sequence[int], seconds: int
) -> dict[Contender, list[Run]]:
    """Everybody in turn, `times` over, so that a change of the machine's mood hits all alike."""
    runs: dict[Contender, list[Run]] = {contender: [] for contender in contenders}
    for step in range(times * len(contenders)):
        contender = contenders[step % len(contenders)]
        progress(step + 1, times * len(contenders), contender.name)
        runs[contender].append(run(contender, place, loads, seconds))
    return runs


def run(contender: Contender, place: Place, loads: Sequence[int], seconds: int) -> Run:
    found = Run()
    with place.database(contender.backend, contender.migrates) as database:
        with place.serving(contender, database) as server:
            found.rss_before = proc.rss_mb(server.worker)
            warm_up = load.register(server.port, WARM_UP_CONNECTIONS, WARM_UP_S, place.load_core).result()
            found.registered = warm_up.requests
            for connections in loads:
                start = partial(load.register, server.port, connections, seconds, place.load_core)
                found.figures[connections], answered = measure(contender, server, place, start)
                found.registered += answered
            found.rss_after = proc.rss_mb(server.worker)
        if contender.keeps:
            found.exact = is_exact(database, found.registered)
    return found


def measure(
    contender: Contender, server: Server, place: Place, start: Callable[[], load.Client]
) -> tuple[Figures, int]:
    """The load that `start` begins: its figures, and how many requests were answered."""
    roots = {"cpu_us": server.pid}
    if contender.backend == POSTGRES:
        roots["database_cpu_us"] = place.database_server.pid
    before = {name: proc.cpu_us(root) for name, root in roots.items()}
    seen = start().result()
    used = {name: proc.cpu_us(root) - before[name] for name, root in roots.items()}
    figures = {"rate": seen.rate, "p50_ms": seen.p50_ms, "p99_ms": seen.p99_ms, "errors": float(seen.errors)}
    figures.update({name: cpu / max(1, seen.requests) for name, cpu in used.items()})
    figures["all_cpu_us"] = sum(used.values()) / max(1, seen.requests)
    return figures, seen.requests
