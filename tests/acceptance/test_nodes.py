"""Three workers on one PostgreSQL: one is killed, one frozen; the rest do their work, and nothing comes twice."""

import signal
from collections.abc import Iterator

import pytest
from cases import PATIENCE_SECONDS, Judgement, until
from experiment import Place, Surroundings
from laboratory import Laboratory, bench, laboratory
from sqlalchemy import select
from test_imaging_line import in_orthanc

from serving.records.database import reading
from serving.records.node_schema import NODE_LEASE
from serving.records.schema import WORK_ITEM

STUDIES = 8
#: In the midst of the transaction that keeps the results.
IN_A_TRANSACTION = Place(process="work", name="before commit serving.analyse:_run_study")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    directory = tmp_path_factory.mktemp("nodes")
    surroundings = Surroundings(database="postgresql", nodes=3)
    with bench(directory) as shared, laboratory(shared, surroundings, directory / "site") as made:
        yield made


def busy_nodes(lab: Laboratory) -> set[str]:
    with reading(lab.site.engine) as connection:
        return set(connection.scalars(select(WORK_ITEM.c.node).where(WORK_ITEM.c.state == "running")))


def live_nodes(lab: Laboratory) -> set[str]:
    with reading(lab.site.engine) as connection:
        return set(connection.scalars(select(NODE_LEASE.c.node)))


def process_of(node: str) -> str:
    return "work" if node == "node-1" else node.replace("node", "work")


def test_one_killed_and_one_frozen_node_lose_and_double_nothing(lab: Laboratory):
    # A model that does not answer yet holds the work where it is, however quick or slow the machine.
    lab.hold_models()
    cases = [lab.modality.new_case() for _ in range(STUDIES)]
    for case in cases:
        lab.modality.send(case)
    lab.site.wait(lambda: len(busy_nodes(lab)) >= 2, "two nodes work", PATIENCE_SECONDS)
    frozen, killed = sorted(busy_nodes(lab))[:2]
    lab.site.signal(process_of(frozen), signal.SIGSTOP)
    lab.site.kill(process_of(killed))
    lab.release_models()

    judgement = lab.judge.judge(*cases)
    lab.site.wait(lambda: live_nodes(lab).isdisjoint({frozen, killed}), "the lost nodes are buried", 30)
    zombie = process_of(frozen)
    lab.site.signal(zombie, signal.SIGCONT)
    ended = until(lambda: not lab.is_running(zombie), PATIENCE_SECONDS)
    log = lab.site.log(zombie).read_text()
    lab.start()

    held = [one.SOPInstanceUID for case in cases for one in in_orthanc(lab.judge.orthanc, case.study)]
    assert judgement == Judgement(studies=STUDIES, lost=0, stuck=0, doubled=0)
    assert len(held) == len(set(held)) == 2 * STUDIES
    assert ended
    assert "node_fenced" in log


def test_a_node_frozen_in_the_midst_of_a_transaction_holds_up_nobody(lab: Laboratory):
    verdict = lab.freeze_at(IN_A_TRANSACTION)

    assert verdict.killed
    assert verdict.judgement == Judgement(studies=1, lost=0, stuck=0, doubled=0)


def test_another_node_does_what_a_killed_one_had_begun(lab: Laboratory):
    verdict = lab.kill_at(IN_A_TRANSACTION)

    assert verdict.killed
    assert verdict.judgement == Judgement(studies=1, lost=0, stuck=0, doubled=0)
