"""The cost of requests without a login: no page may block its worker for long (docs/limits.md)."""

import sys
import time
from typing import NamedTuple

import pytest
from support.application.site import Site
from support.people.accounts import bare
from support.people.routes import path_of, rules
from support.people.share_links import boss, share
from support.runs.cpu import speed

MAX_MS = 15.0
"""Maximum CPU time of the serving thread, on the budgets' reference machine. /docs took 24 ms before it was cached."""

TRIES = 50
"""A busy machine slows some attempts and never speeds one up. From the fourth attempt on, each is compared with the
machine's current speed: on a shared core, both take twice the CPU time.
"""

IN_PIECES = {"pages.share"}
"""Routes that wait for a database thread repeatedly, so that other requests are served in between."""

HEADERS = {"Accept-Encoding": "gzip", "Accept": "text/html"}


class Cost(NamedTuple):
    ms: float
    status: int
    path: str


@pytest.fixture(scope="module")
def costs(site, cast) -> dict[str, Cost]:
    """The cost of each GET route that needs no login, by endpoint. `pytest -n 0 -s` prints them."""
    community, token, number = cast.kept_community(), share(boss(cast))["token"], site.register("ayesha").share
    more = {"nothing": "/nothing-here", "own number": number, "search": "/docs/search?q=e+t+a+o+i+n+s+h"}
    machine = speed()
    all_costs = {name: of(site, path, machine, TRIES) for name, path in more.items()}
    for endpoint, rule in rules(site).items():
        if "GET" not in (rule.methods or ()) or rule.websocket:
            continue
        path = path_of(site, cast, rule, community)
        tries = 3 if endpoint in IN_PIECES else TRIES
        cost = of(site, path.replace("x" * 43, token) if "share" in endpoint else path, machine, tries)
        if cost.status not in (303, 401):
            all_costs[endpoint] = cost
    return all_costs


def of(site: Site, path: str, machine: float, tries: int) -> Cost:
    """The cheapest of three attempts, or of more if these are too expensive."""
    client, costs = bare(site), []
    while len(costs) < 3 or (min(costs).ms > MAX_MS and len(costs) < tries):
        began = time.thread_time()
        status = client.get(path, headers=HEADERS).status_code
        took_s = time.thread_time() - began
        costs.append(Cost(took_s * 1000 * (machine if len(costs) < 3 else speed()), status, path))
    return min(costs)


def test_no_request_without_a_login_keeps_the_others_waiting(costs):
    dearest = sorted(costs.values(), reverse=True)
    sys.stdout.writelines(f"{ms:6.2f} ms  {status}  {path}\n" for ms, status, path in dearest)
    assert {"docs.docs", "pages.index", "pages.share", "badges.badge_svg"} <= set(costs)
    assert {name: cost for name, cost in costs.items() if cost.ms > MAX_MS and name not in IN_PIECES} == {}
