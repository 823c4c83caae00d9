"""What a transaction queues is claimed in it and begins once it is committed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from factories.nodes import Node, Site, open_site
from sqlalchemy import select

from serving.errors import DatabaseDownError
from serving.records import drains
from serving.records.database import reading, writing
from serving.records.schema import DELIVERY
from serving.work.engine import RunKind
from serving.work.item import DeliveryState


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = open_site(tmp_path, names=("node-1",))
    yield site
    site.engine.dispose()


def states(site: Site) -> set[tuple[str, str]]:
    with reading(site.engine) as connection:
        return {(row.destination, row.state) for row in connection.execute(select(DELIVERY))}


def refuse(*_: object) -> None:
    raise DatabaseDownError


def analyse(site: Site) -> Node:
    """The node after its analysis of one case, before another look."""
    (node,) = site.nodes
    site.queue("case", 1)
    node.claim()
    (analysis,) = node.runs
    node.go_on(analysis)
    return node


def test_deliveries_are_begun_without_another_look(site: Site):
    node = analyse(site)

    assert [run.kind for run in node.runs] == [RunKind.DELIVER, RunKind.DELIVER]
    assert states(site) == {("pacs", DeliveryState.INTENT.value), ("blind", DeliveryState.INTENT.value)}


def test_a_drained_node_claims_nothing_of_what_it_records(site: Site):
    (node,) = site.nodes
    site.queue("case", 1)
    node.claim()
    with writing(site.engine) as connection:
        drains.begin(connection, node.name, datetime.now(UTC) + timedelta(hours=1))
    node.go_on(node.runs[0])

    assert node.runs == []
    assert {state for _, state in states(site)} == {DeliveryState.QUEUED.value}


def test_a_lane_takes_no_more_than_its_places(site: Site):
    node = analyse(site)
    site.queue("another", 1)
    node.claim()
    (analysis,) = [run for run in node.runs if run.kind is RunKind.ANALYSE]
    node.go_on(analysis)

    sent = [run for run in node.runs if run.kind is RunKind.DELIVER]
    assert len(sent) == 2


def test_what_cannot_be_begun_is_put_back_and_done_later(site: Site, monkeypatch: pytest.MonkeyPatch):
    (node,) = site.nodes
    site.queue("case", 1)
    node.claim()
    with monkeypatch.context() as patch:
        patch.setattr(node.starter._work_engine, "run", refuse)
        node.go_on(node.runs[0])
    assert node.runs == []

    node.work()

    assert {state for _, state in states(site)} == {DeliveryState.ACCEPTED.value}
