"""A step that did not end leaves its reason, counts, and is put aside when it happens again and again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert, select

from serving import analyse
from serving.errors import SettledError
from serving.records import work
from serving.records.database import open_database, reading, writing
from serving.records.delivery_schema import DELIVERY_HISTORY
from serving.records.schema import DELIVERY, FINDING, METADATA, WORK_ITEM
from serving.telemetry.metric_table import Stage
from serving.telemetry.metrics import WorkMetrics
from serving.telemetry.queue_collector import QueueCollector
from serving.work.item import State
from serving.work.retry import RetryPolicy
from serving.work.slots import Slots
from serving.work.step_watch import Step
from serving.worker import Bench, Worker

LATER = datetime(2200, 1, 1, tzinfo=UTC)
NOTHING: Any = None
STEP = Step(subject_id="1", stage=Stage.DECODE, began=0.0)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    METADATA.create_all(engine)
    times = dict.fromkeys(("not_before", "created_at", "input_at"), datetime(2026, 1, 1, tzinfo=UTC))
    row = {"kind": "imaging", "case_id": "1", "generation": 1, "rule": "r", "model": "m", "model_version": "1"}
    with writing(engine) as connection:
        more = {"id": "1", "release_digest": "d", "priority": 2, "state": "queued"}
        connection.execute(insert(WORK_ITEM).values(**row, **more, **times))
    yield engine
    engine.dispose()


def worker_on(engine: Engine) -> Worker:
    retry = RetryPolicy(first_seconds=1, ceiling_seconds=1, maximum_attempts=300)
    metrics = WorkMetrics(CollectorRegistry())
    return Worker(Bench(engine=engine, node="n", retry=retry, slots=Slots({}), metrics=metrics), NOTHING, NOTHING)


def claim(engine: Engine) -> work.WorkItem:
    with writing(engine) as connection:
        (item,) = work.claim_items(connection, "n", 1, LATER)
    return item


def row(engine: Engine) -> Any:
    with reading(engine) as connection:
        return connection.execute(select(WORK_ITEM)).one()


def end_late(engine: Engine, item: work.WorkItem) -> None:
    told = {"tracking_uid": "2", "key": "k", "label": "l", "text": "t", "probability": 1, "threshold": 0}
    with writing(engine) as connection:
        connection.execute(insert(FINDING).values(work_item_id="1", **told))
        analyse._end_run(connection, item, State.DONE, LATER, {})


def test_a_stuck_step_is_tried_again_and_the_third_time_put_aside(engine: Engine):
    states = []
    for _ in range(3):
        claim(engine)
        worker_on(engine).end_try(STEP, 300)
        states.append((row(engine).state, row(engine).unended))

    assert [state for state, _ in states] == ["waiting", "waiting", "failed"]
    assert states[0][1] == 0
    assert "'decode' did not end within 300 seconds" in row(engine).reason
    assert row(engine).reason_code == "StepOverrunError"


def test_operations_see_it_until_it_ends_well_whoever_was_started_anew(engine: Engine):
    registry = CollectorRegistry()
    registry.register(QueueCollector(engine))
    seen = []
    for _ in range(3):
        item = claim(engine)
        worker_on(engine).end_try(STEP, 300)
        seen.append(registry.get_sample_value("varsel_overrun_items", {"kind": "work"}))
    with writing(engine) as connection:
        work.move_item(connection, item.id, State.QUEUED, LATER)

    assert seen == [1, 1, 1]
    assert registry.get_sample_value("varsel_overrun_items", {"kind": "work"}) == 0


@pytest.mark.parametrize(("hours", "seen"), [(0.5, 1), (1.5, 0)])
def test_operations_see_a_delivery_that_did_not_end_for_an_hour(engine: Engine, hours: float, seen: int):
    at = datetime.now(UTC) - timedelta(hours=hours)
    delivery = {"id": "d", "work_item_id": "1", "destination": "pacs", "objects": [], "priority": 2, "state": "dead"}
    with writing(engine) as connection:
        connection.execute(insert(DELIVERY).values(**delivery, not_before=at, created_at=at))
        connection.execute(insert(DELIVERY_HISTORY).values(delivery_id="d", at=at, state="dead", failure="stuck"))
    registry = CollectorRegistry()
    registry.register(QueueCollector(engine))

    assert registry.get_sample_value("varsel_overrun_items", {"kind": "delivery"}) == seen


def test_what_a_stuck_try_brings_after_its_end_does_not_count(engine: Engine):
    item = claim(engine)
    worker_on(engine).end_try(STEP, 300)

    with pytest.raises(SettledError):
        end_late(engine, item)

    with reading(engine) as connection:
        assert connection.execute(select(FINDING)).all() == []
    assert row(engine).state == "waiting"


def test_a_step_whose_work_is_not_this_nodes_any_more_is_left_alone(engine: Engine):
    worker_on(engine).end_try(STEP, 300)

    assert row(engine).state == "queued"
