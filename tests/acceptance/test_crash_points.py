"""The short form of ``make crash`` on the file database: kills at some of the boundaries that the code shows."""

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from cases import Case, Judgement
from experiment import Surroundings
from laboratory import Laboratory, bench, laboratory
from sqlalchemy import select
from test_imaging_line import in_orthanc

from serving.records.database import reading
from serving.records.schema import RESULT

#: Kills made here; ``make crash`` makes all.
KILLS = 4
STUDIES = 6


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    directory = tmp_path_factory.mktemp("crash")
    surroundings = Surroundings(database="sqlite", nodes=1)
    with bench(directory) as shared, laboratory(shared, surroundings, directory / "site") as made:
        yield made


def cases_of(lab: Laboratory) -> list[Case]:
    return [lab.modality.new_case() for _ in range(STUDIES)]


def assert_each_once(lab: Laboratory, cases: list[Case]) -> None:
    assert lab.judge.judge(*cases) == Judgement(studies=STUDIES, lost=0, stuck=0, doubled=0)
    studies = {case.study for case in cases}
    items = [item for item in lab.site.items() if item.case_id in studies]
    assert [item.state for item in items] == ["done"] * STUDIES
    with reading(lab.site.engine) as connection:
        written = set(connection.scalars(select(RESULT.c.sop_instance_uid)))
    held = {one.SOPInstanceUID for study in studies for one in in_orthanc(lab.judge.orthanc, study)}
    # Orthanc counts each UID once; two objects that say the same under two UIDs would be too many.
    assert len(held) == 2 * STUDIES
    assert held <= written


def test_no_kill_at_a_boundary_loses_or_doubles_what_was_acknowledged(lab: Laboratory):
    places = lab.find_places()
    # Found by watching, so they follow the code: these have to be among them wherever they move to.
    effects = {place.name.split()[1] for place in places}
    ours = [place for place in places if "dbos" not in place.name]
    verdicts = [lab.kill_at(place) for place in random.Random(2).sample(ours, KILLS)]

    assert effects >= {"commit", "fsync", "send", "C-STORE"}
    assert [verdict.killed for verdict in verdicts] == [True] * KILLS
    assert [verdict for verdict in verdicts if not verdict.judgement.is_clean] == []


def test_a_worker_killed_again_and_again_loses_and_doubles_nothing(lab: Laboratory):
    cases = cases_of(lab)
    for case in cases:
        lab.modality.send(case)
    assert all(case.told for case in cases)
    studies = {case.study for case in cases}

    def has_begun() -> bool:
        return any(item.state != "queued" for item in lab.site.items() if item.case_id in studies)

    lab.site.wait(has_begun, "the worker has begun", 30)
    for _ in range(3):
        lab.site.kill("work")
        lab.start()

    assert_each_once(lab, cases)


def test_a_killed_receiver_keeps_what_it_acknowledged(lab: Laboratory):
    cases = cases_of(lab)
    with ThreadPoolExecutor(3) as senders:
        sendings = [senders.submit(lab.modality.send, case) for case in cases]
        lab.site.wait(sendings[1].done, "some images were sent", 30)
        lab.site.kill("receive")
        for sending in sendings:
            sending.result()
    lab.start()
    for case in cases:
        # A sender that was not told "stored" sends again.
        lab.modality.insist(case)

    assert_each_once(lab, cases)
