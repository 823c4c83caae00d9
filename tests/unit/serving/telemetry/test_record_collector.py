"""Feeds, alert policies and surveillance as a scrape sees them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, insert

from serving.feed.kept import KeptMessage, KeptState, keep_message, mark_replayed
from serving.records import work
from serving.records.database import open_database, writing
from serving.records.surveillance_schema import ALERT, SURVEILLANCE_CLUSTER, SURVEILLANCE_RUN
from serving.telemetry.record_collector import RecordCollector

NOW = datetime.now(UTC)


@pytest.fixture
def registry(engine: Engine) -> CollectorRegistry:
    made = CollectorRegistry()
    made.register(RecordCollector(engine))
    return made


def item(item_id: str) -> dict[str, object]:
    return {
        "id": item_id, "kind": "stay", "case_id": item_id, "generation": 1, "rule": "r", "model": "m",
        "model_version": "1", "release_digest": "d", "priority": 2, "state": "done", "not_before": NOW,
        "created_at": NOW, "input_at": NOW,
    }  # fmt: skip


def message(state: KeptState) -> KeptMessage:
    return KeptMessage(
        control_id="M1", kind="ADT^A01", state=state, reason_code="data_type", reason="r", body=b"", received_at=NOW
    )


def test_messages_that_wait_to_be_mended_are_counted_and_replayed_ones_are_not(
    engine: Engine, registry: CollectorRegistry
):
    with writing(engine) as connection:
        for state in (KeptState.REFUSED, KeptState.REFUSED, KeptState.PARTLY):
            keep_message(connection, message(state))
        mark_replayed(connection, 1, NOW)
    found = {one: registry.get_sample_value("varsel_feed_put_aside", {"state": one}) for one in ("refused", "partly")}
    assert found == {"refused": 1, "partly": 1}


def test_decisions_of_the_last_day_are_counted_by_verdict(engine: Engine, registry: CollectorRegistry):
    with writing(engine) as connection:
        for n, (hours, verdict) in enumerate(((1, "alert"), (2, "below"), (3, "alert"), (25, "alert"))):
            work.add_item(connection, item(f"w{n}"))
            connection.execute(
                insert(ALERT).values(
                    work_item_id=f"w{n}", stay_id="s", model="m", ward="M2", at=NOW - timedelta(hours=hours),
                    probability=0.3, policy="p", policy_version="1", policy_digest="d", verdict=verdict,
                    reason={}, is_alert=verdict == "alert",
                )
            )  # fmt: skip
    found = {
        verdict: registry.get_sample_value("varsel_alert_decisions", {"model": "m", "outcome": verdict})
        for verdict in ("alert", "below", "capped")
    }
    assert found == {"alert": 2, "below": 1, "capped": 0}


def test_the_newest_reading_of_surveillance_is_told(engine: Engine, registry: CollectorRegistry):
    assert registry.get_sample_value("varsel_surveillance_refreshed_timestamp_seconds") == 0
    with writing(engine) as connection:
        for at in (NOW - timedelta(hours=1), NOW):
            connection.execute(insert(SURVEILLANCE_RUN).values(at=at, seconds=1, patients=1, cases=0))
        cluster = {"definition": "d", "edition": "e", "unit": "", "first_day": "2026-02-01", "last_day": "2026-02-02"}
        connection.execute(insert(SURVEILLANCE_CLUSTER).values(**cluster, case_ids=[], expected=0.1, p=0.01))
    assert registry.get_sample_value("varsel_surveillance_refreshed_timestamp_seconds") == NOW.timestamp()
    assert registry.get_sample_value("varsel_surveillance_clusters") == 1


def test_nothing_is_told_while_the_database_is_down(tmp_path: Path):
    made = CollectorRegistry()
    empty = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    made.register(RecordCollector(empty))
    assert list(made.collect()) == []
    empty.dispose()
