"""Changes to very many deliveries and events use small transactions, and eventually complete."""

import pytest
from support.people.accounts import sign_up
from support.people.communities import found
from support.people.webhooks import ADD
from support.programs.processes import wait_until

from koyjabo.base.database import executor
from koyjabo.communities import queries as community_queries
from koyjabo.integrations.webhooks import delivery_queries, queries

WAIT = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :waiting)
INSERT INTO webhook_deliveries (webhook_id, event_id, state, attempts, next_ms, log)
SELECT :id, 'event ' || n, 'pending', 0, 1, '[]' FROM counted
"""
STATES = "SELECT state, count(*) FROM webhook_deliveries GROUP BY state"


@pytest.fixture
def sqlite_steps(hooked):
    """A function that runs an operation on the executor, and returns the number of instructions that SQLite
    executed.
    """

    def run(operation) -> int:
        steps = 0

        def count() -> None:
            nonlocal steps
            steps += 1

        def counted(session):
            file = session.connection().connection.driver_connection
            file.set_progress_handler(count, 1)
            try:
                operation(session)
            finally:
                file.set_progress_handler(None, 1)

        hooked.services.sealer._database.write(counted)
        return steps

    return run


@pytest.fixture(autouse=True)
def two_at_a_time(monkeypatch):
    for name in ("FIRST", "FEWEST", "MOST"):
        monkeypatch.setattr(executor, name, 2)
    monkeypatch.setattr(queries, "AT_ONCE", 2)
    monkeypatch.setattr(community_queries, "EVENTS_PER_DELETION", 2)


def deliver_seven(hooked):
    webhook = hooked.add()
    for number in range(7):
        hooked.happen(str(number))
    hooked.deliver(7)
    return webhook


def wait_for(hooked, **states: int) -> None:
    wait_until(lambda: dict(map(tuple, hooked.site.rows(STATES))) == states, f"deliveries are {states}")


def test_deliveries_of_new_events_are_made_in_small_steps(hooked, monkeypatch):
    dispatch, steps = delivery_queries.dispatch, []

    def watched(*args, **size):
        steps.append(size)
        return dispatch(*args, **size)

    monkeypatch.setattr(delivery_queries, "dispatch", watched)
    deliver_seven(hooked)
    assert steps == [{"size": 2}] * 4


def test_pending_deliveries_of_a_disabled_webhook_are_never_sent(hooked):
    webhook = deliver_seven(hooked)
    hooked.site.rows("UPDATE webhook_deliveries SET state = 'pending', done_ms = NULL")
    hooked.call("PATCH", webhook, enabled=False)
    wait_for(hooked, dead=7)
    hooked.site.rows("UPDATE webhook_deliveries SET state = 'pending', done_ms = NULL")  # the work was interrupted
    hooked.call("PATCH", webhook, enabled=True)
    assert dict(map(tuple, hooked.site.rows(STATES))) == {"dead": 7}
    hooked.deliver(7)


def test_deliveries_of_a_deleted_webhook_are_removed(hooked):
    webhook = deliver_seven(hooked)
    assert hooked.call("DELETE", webhook).status_code == 204
    wait_for(hooked)


def test_deleted_community_takes_all_its_events(hooked):
    founder = sign_up(hooked.site)
    community = found(founder)["id"]
    for number in range(7):
        row = {
            "id": str(number),
            "key": str(number),
            "type": "member.left",
            "scope": community,
            "at_ms": 1,
            "data": "{}",
        }
        hooked.site.rows(ADD, **row)
    assert founder.delete(f"/api/communities/{community}").status_code == 204
    assert hooked.site.rows("SELECT id FROM webhook_events") == []


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
def test_a_step_of_dropping_costs_the_same_however_many_wait(hooked, sqlite_steps, monkeypatch):
    monkeypatch.setattr(delivery_queries, "MAX_ROWS", 10)
    webhook = hooked.add()

    def steps_of_one_drop(waiting: int) -> int:
        hooked.site.rows("DELETE FROM webhook_deliveries")
        hooked.site.rows(WAIT, id=webhook["id"], waiting=waiting)

        def drop(session):
            newest = delivery_queries.newest_over(session, webhook["id"])
            assert delivery_queries.drop_oldest(session, webhook["id"], newest, 1, 2) == (2, True)

        return sqlite_steps(drop)

    assert steps_of_one_drop(3000) < 2 * steps_of_one_drop(30)
