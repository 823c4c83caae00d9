"""What the processes count is what Prometheus reads."""

from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import Engine, create_engine

from serving.records import stay_schema, surveillance_schema  # noqa: F401  their tables belong to METADATA
from serving.records.schema import METADATA
from serving.telemetry.health import Health, serve_health
from serving.telemetry.metric_table import TABLE, Stage
from serving.telemetry.metrics import (
    CommitmentMetrics,
    FeedMetrics,
    ReceiveMetrics,
    RetentionMetrics,
    StayMetrics,
    WebMetrics,
    WorkMetrics,
    measure_disk,
    new_registry,
    show_admission,
)
from serving.telemetry.queue_collector import QueueCollector
from serving.telemetry.record_collector import RecordCollector


def test_a_received_instance_is_counted_by_its_status():
    registry = CollectorRegistry()
    ReceiveMetrics(registry).received(0xA700, 1000, 0.02)
    assert registry.get_sample_value("varsel_receive_instances_total", {"status": "A700"}) == 1
    assert registry.get_sample_value("varsel_receive_bytes_total", {"status": "A700"}) == 1000
    assert registry.get_sample_value("varsel_receive_seconds_count", {"status": "A700"}) == 1


def test_a_worker_counts_outcomes_stages_deliveries_and_retries():
    registry = CollectorRegistry()
    metrics = WorkMetrics(registry)
    metrics.finished("chest", "1.0.0", "no_finding")
    metrics.stage(Stage.INFER, "chest", 0.2)
    metrics.delivery("pacs", "accepted")
    metrics.retried("delivery", "unreachable")
    labels = {"model": "chest", "model_version": "1.0.0", "outcome": "no_finding"}
    assert registry.get_sample_value("varsel_work_items_finished_total", labels) == 1
    assert registry.get_sample_value("varsel_stage_seconds_sum", {"stage": "infer", "model": "chest"}) == 0.2
    assert registry.get_sample_value("varsel_deliveries_total", {"destination": "pacs", "state": "accepted"}) == 1
    assert registry.get_sample_value("varsel_retries_total", {"kind": "delivery", "reason": "unreachable"}) == 1


def test_every_metric_of_the_table_is_made_by_some_process(tmp_path: Path):
    registry = new_registry("web")
    ReceiveMetrics(registry)
    work = CollectorRegistry()
    WorkMetrics(work)
    CommitmentMetrics(work)
    StayMetrics(work)
    RetentionMetrics(work)
    measure_disk(work, tmp_path, 1)
    FeedMetrics(work)
    show_admission(work, lambda: False)
    web = CollectorRegistry()
    WebMetrics(web)
    engine = create_engine(f"sqlite:///{tmp_path}/varsel.db")
    METADATA.create_all(engine)
    web.register(QueueCollector(engine))
    web.register(RecordCollector(engine))
    made = {family.name for each in (registry, work, web) for family in each.collect()}
    assert {spec.name.removesuffix("_total") for spec in TABLE} <= made
    engine.dispose()


def test_the_endpoint_is_served_on_a_thread_until_shut_down():
    registry = new_registry("receive")
    server, thread = serve_health(registry, Health(), "127.0.0.1", 0)
    try:
        with urlopen(f"http://127.0.0.1:{server.server_port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
    assert 'varsel_build_info{process="receive",version=' in text
    assert list(text_string_to_metric_families(text))


def test_a_database_that_is_down_is_told_and_does_not_break_the_scrape(tmp_path: Path):
    registry = CollectorRegistry()
    registry.register(QueueCollector(create_engine(f"sqlite:///{tmp_path}/missing/varsel.db")))
    assert b"varsel_database_up 0.0" in generate_latest(registry)


@pytest.fixture
def empty_database(tmp_path: Path):
    engine = create_engine(f"sqlite:///{tmp_path}/varsel.db")
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


def test_an_empty_queue_reports_zeros_not_nothing(empty_database: Engine):
    registry = CollectorRegistry()
    registry.register(QueueCollector(empty_database))
    assert registry.get_sample_value("varsel_queue_items", {"state": "queued"}) == 0
    assert registry.get_sample_value("varsel_queue_oldest_age_seconds") == 0
    assert registry.get_sample_value("varsel_database_up") == 1
