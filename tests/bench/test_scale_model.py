"""The arithmetic of docs/scaling.md: what must hold whatever was measured."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
from harness import scale_model as model
from harness.scale_model import Costs, Load, Plant

COSTS = replace(
    Costs(**{field.name: 10.0 for field in fields(Costs)}),
    sql_commit_us=500.0,
    sql_visit_us=50.0,
    messages_a_visitor=4.0,
)
PLANT = Plant()
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)


def share(name: str, load: Load, plant: Plant = PLANT, costs: Costs = COSTS) -> float:
    return next(part.share for part in model.parts(costs, load, plant) if part.name == name)


def test_pages_are_shared_out_among_workers_and_those_among_instances():
    load = Load(pages=22_000)
    assert (model.workers(load, PLANT), model.instances(load, PLANT)) == (5, 2)
    assert (model.workers(Load(pages=1), PLANT), model.instances(Load(pages=1), PLANT)) == (1, 1)


def test_few_pages_are_told_at_every_interval_and_many_for_a_fifth_of_the_time():
    often = 1e9
    assert model.broadcasts(100, 10, 0.05, often) == pytest.approx(1 / 0.051)
    rate = model.broadcasts(10_000, 10, 0.05, often)  # 0.1 s for one broadcast, and 0.4 s of rest
    assert rate == pytest.approx(2)
    assert rate * 10_000 * 10e-6 == pytest.approx(0.2)


def test_one_worker_alone_asks_nothing_of_redis():
    parts = {part.name: part.used for part in model.parts(COSTS, Load(pages=100), PLANT)}
    assert [parts[name] for name in parts if name.startswith("Redis")] == [0, 0, 0]


def test_those_queue_for_the_counter_row_who_write():
    load = Load(pages=6e6)
    alone, together = (replace(PLANT, relayed=relayed) for relayed in (False, True))
    assert model.turn_s(COSTS, load, alone) == pytest.approx(4 * model.turn_s(COSTS, load, together))


def test_every_worker_hears_every_message_unless_one_of_an_instance_does():
    load = Load(pages=100_000)  # 20 workers on 5 instances
    alone = model.redis_bytes(COSTS, load, PLANT)
    relayed = model.redis_bytes(COSTS, load, replace(PLANT, relayed=True))
    assert alone == 4 * relayed == model.messages(COSTS, load, PLANT) * 20 * COSTS.message_bytes


def test_a_worker_says_no_more_than_one_message_a_pace():
    crowded = Load(pages=1e6, stay_s=0.1)
    assert model.messages(COSTS, crowded, PLANT) == pytest.approx(200 * 100, rel=0.01)


def test_a_visit_alone_has_the_counter_row_for_two_round_trips_and_a_sync():
    load = Load(pages=600, members=0)  # one a second
    assert model.turn_s(COSTS, load, PLANT) == pytest.approx(0.001 + 0.001 + 0.00055)
    assert model.commits(COSTS, load, PLANT) == pytest.approx(1)


def test_workers_that_queue_take_along_what_has_come_meanwhile():
    load = Load(pages=6e6, members=0)  # 10,000 visits a second, half of the row's time
    turn = model.turn_s(COSTS, load, PLANT)
    batches = model.commits(COSTS, load, PLANT)
    assert turn == pytest.approx(1200 * 0.0025 / 0.5)
    assert batches * model.batch_s(COSTS, PLANT) + load.visits * 50e-6 == pytest.approx(1)  # the row is never free


def test_the_ledger_keeps_the_visits_of_retention_and_all_visitors():
    load = Load(pages=600, mean=0.5, new_visitors=0.1)
    costs = replace(COSTS, visit_row_bytes=500, visitor_row_bytes=100)
    visits = 365 * 86400 * 0.5
    assert model.ledger_bytes(costs, load, PLANT) == pytest.approx(visits * (500 + 10))
    assert model.ledger_bytes(costs, load, replace(PLANT, retention_days=36.5)) == pytest.approx(visits * (50 + 10))
    assert model.ledger_bytes(costs, load, replace(PLANT, retention_days=730)) == pytest.approx(visits * (500 + 10))


def test_a_part_is_full_at_the_pages_that_fill_it():
    for part in model.parts(COSTS, Load(1e6), PLANT):
        pages_full = model.full_at(COSTS, PLANT, part.name, Load(1e6))
        if 1 < pages_full < math.inf:
            assert share(part.name, Load(pages_full * 1.01)) >= 1, part.name
            assert share(part.name, Load(pages_full * 0.99)) < 1, part.name


def test_more_pages_never_ask_less_of_what_all_share():
    for name in ("Redis, CPU", "Redis, network", "PostgreSQL, the counter row", "PostgreSQL, CPU"):
        shares = [share(name, Load(pages)) for pages in SIZES]
        assert shares == sorted(shares), name
