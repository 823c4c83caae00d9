"""Urgent work goes first, nobody starves, and senders take turns."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, insert, text

from serving.records import waiting, work
from serving.records.database import open_database, reading, writing
from serving.records.schema import DELIVERY, METADATA, WORK_ITEM
from serving.work.turns import DEFAULT_PATIENCE, Group, Patience, Room, Turns

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATIENCE = Patience(ageing=HOUR, longest_wait=timedelta(minutes=10))
ROOM = Room(places=1, acute_places=1, by_model={})
GROUP = Group(state="queued", priority=2, model="m", sender="A", waits_since=NOW)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def queue(engine: Engine, *items: dict[str, Any]) -> None:
    plain = {"kind": "imaging", "case_id": "1", "generation": 1, "rule": "r", "model": "m", "model_version": "1"}
    more = {"release_digest": "d", "priority": 2, "state": "queued", "sender": "A"}
    times = dict.fromkeys(("not_before", "created_at", "input_at"), NOW)
    with writing(engine) as connection:
        connection.execute(insert(WORK_ITEM), [plain | more | times | item for item in items])


def claimed(engine: Engine, room: Room | int, now: datetime = NOW, turns: Turns | None = None) -> list[str]:
    with writing(engine) as connection:
        return [item.id for item in work.claim_items(connection, "node-1", room, now, turns)]


@given(waited=st.floats(min_value=0, max_value=1e7), more=st.floats(min_value=0, max_value=1e7), one=st.integers(0, 3))
def test_urgency_only_grows_with_waiting_and_depends_on_nothing_else(waited: float, more: float, one: int):
    early = PATIENCE.urgency(one, timedelta(seconds=waited))
    late = PATIENCE.urgency(one, timedelta(seconds=waited + more))

    assert 0 <= late <= early <= one
    assert PATIENCE.urgency(one, one * HOUR) == 0


@settings(deadline=None, max_examples=30)
@given(stream=st.lists(st.integers(0, 3), min_size=1, max_size=4), first=st.integers(0, 3))
def test_no_group_starves_whatever_arrives_without_end(stream: Sequence[int], first: int):
    """Fresh work of any urgency is always there, and one thing is done a minute."""
    turns = Turns(PATIENCE)
    patient = replace(GROUP, priority=first, sender="patient", model="old")
    for minute in range(60 * 4):
        now = NOW + timedelta(minutes=minute)
        fresh = [
            replace(GROUP, priority=priority, sender=f"S{number}", waits_since=now)
            for number, priority in enumerate(stream)
        ]
        chosen = turns.choose([*fresh, patient], ROOM, now)
        assert chosen is not None
        if chosen == patient:
            return
        turns.served(chosen)
    pytest.fail("it was never chosen")


def test_an_acute_case_is_never_behind_routine_that_has_not_waited_for_hours(engine: Engine):
    queue(engine, *({"id": f"r{n}"} for n in range(9)), {"id": "acute", "priority": 0, "not_before": NOW + HOUR})

    assert claimed(engine, 1, NOW + HOUR) == ["acute"]


def test_senders_take_turns_however_much_one_of_them_sent_before(engine: Engine):
    queue(engine, *({"id": f"a{n}"} for n in range(4)), *({"id": f"b{n}", "sender": "B"} for n in range(2)))
    turns = Turns(PATIENCE)

    order = [one[0] for _ in range(6) for one in claimed(engine, 1, turns=turns)]

    assert sorted(order[:4]) == ["a", "a", "b", "b"]
    assert order[:2] in (["a", "b"], ["b", "a"])


def test_a_model_at_its_limit_holds_up_no_other(engine: Engine):
    queue(engine, {"id": "1", "model": "slow", "priority": 0}, {"id": "2", "model": "slow"}, {"id": "3", "model": "m"})

    assert sorted(claimed(engine, replace(ROOM, places=9, acute_places=9, by_model={"slow": 1}))) == ["1", "3"]
    assert claimed(engine, replace(ROOM, places=9, acute_places=9, by_model={"slow": 0})) == []


def test_only_acute_cases_take_the_places_that_are_kept_for_them(engine: Engine):
    queue(engine, *({"id": f"r{n}"} for n in range(3)), *({"id": f"a{n}", "priority": 0} for n in range(2)))
    full_but_for_acute = replace(ROOM, places=0, acute_places=1)

    assert [one[0] for one in claimed(engine, full_but_for_acute)] == ["a"]
    assert [one[0] for one in claimed(engine, replace(ROOM, places=2, acute_places=3))] == ["a", "r"]
    assert claimed(engine, full_but_for_acute) == []


@pytest.mark.parametrize("state", ["queued", "waiting"])
@pytest.mark.parametrize("back", [timedelta(minutes=11), timedelta(days=400)])
def test_a_clock_that_was_set_back_holds_nothing_up(engine: Engine, state: str, back: timedelta):
    queue(engine, {"id": "1", "state": state, "not_before": NOW})

    assert claimed(engine, 1, NOW - back) == ["1"]


def test_another_try_waits_for_its_time(engine: Engine):
    queue(engine, {"id": "1", "state": "waiting", "not_before": NOW + timedelta(minutes=5)})

    assert claimed(engine, 1) == []
    assert claimed(engine, 1, NOW + timedelta(minutes=5)) == ["1"]


def test_each_claim_counts_as_a_try_without_an_end_until_its_end_is_known(engine: Engine):
    queue(engine, {"id": "1"})
    with writing(engine) as connection:
        (item,) = work.claim_items(connection, "node-1", 1, NOW)

    assert (item.attempts, item.unended) == (1, 1)


@pytest.mark.parametrize("table", ["work_item", "delivery"])
def test_what_waits_is_found_by_the_index_alone(engine: Engine, table: str):
    """However many wait: each group is one search, and no row is looked at for its own sake."""
    with reading(engine) as connection:
        statement = waiting._ITEMS if table == "work_item" else waiting._DELIVERIES
        plan = _plan(connection, str(statement.clause.compile(engine, compile_kwargs={"literal_binds": True})))

    searched = [line for line in plan if f" {table}" in line or " there" in line]
    assert searched
    assert all(line.startswith("SEARCH") and "INDEX" in line for line in searched)
    assert not any("TEMP B-TREE" in line for line in plan)


def test_claiming_from_a_long_queue_looks_at_no_more_rows_than_from_a_short_one(engine: Engine):
    """Counted in steps of SQLite's virtual machine, which no other program's load can change."""
    senders = ({"sender": name, "priority": urgency} for name in "AB" for urgency in (1, 2))
    short = [{"id": f"s{n}", **one} for n, one in enumerate(senders)]
    queue(engine, *short)
    steps_of_few = _steps(engine)
    queue(engine, *({"id": f"l{n}", "sender": "AB"[n % 2], "priority": 1 + n % 2} for n in range(20_000)))

    assert _steps(engine) < 1.5 * steps_of_few


def test_deliveries_go_by_urgency_and_age_too(engine: Engine):
    queue(engine, *({"id": name} for name in ("old", "new", "acute")))
    row = {"destination": "pacs", "objects": [], "state": "queued", "created_at": NOW}
    with writing(engine) as connection:
        for name, priority, since in (("old", 2, NOW - 3 * HOUR), ("new", 1, NOW), ("acute", 0, NOW)):
            values = row | {"id": name, "priority": priority, "not_before": since, "work_item_id": name}
            connection.execute(insert(DELIVERY).values(**values))
        found = [work.claim_delivery(connection, "pacs", "node-1", NOW) for _ in range(4)]

    assert [one and one.id for one in found] == ["old", "acute", "new", None]


def _plan(connection: Connection, statement: str) -> list[str]:
    return [row.detail for row in connection.execute(text(f"EXPLAIN QUERY PLAN {statement}"))]


def _steps(engine: Engine) -> int:
    """Steps of SQLite's virtual machine, in hundreds, that finding the next takes."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    with reading(engine) as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_progress_handler(count, 10)
        waiting.item_groups(connection, DEFAULT_PATIENCE, NOW)
        raw.set_progress_handler(None, 10)
    return steps
