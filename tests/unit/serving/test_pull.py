"""Pulling goes on after a break, waits between tries, and leaves what will not come."""

from collections.abc import Callable

from pydicom.dataset import Dataset
from sqlalchemy import Engine

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.receive.inbox import Landing
from dicom_io.retrieve.source import FoundStudy, MemorySource, StudyQuery
from dicom_io.uids import derive_uid
from serving.pull import Puller, PullOutcome, PullPace
from tests.factories.dicom import ct_series

HERE, NEW = derive_uid("study-1"), derive_uid("study-2")
QUICK = PullPace(studies_per_minute=0, pauses_seconds=(0, 0))


def outcomes(engine: Engine, source: MemorySource, pace: PullPace = QUICK) -> list[PullOutcome]:
    puller = Puller(engine, source, pace)
    return [one.outcome for one in puller.pull(source.find(StudyQuery()), lambda _: None)]


def test_studies_that_are_here_whole_are_not_asked_for(engine: Engine, land: Callable[[Dataset], Landing]):
    for dataset in ct_series(3):
        land(dataset)
    source = MemorySource({HERE: 3, NEW: 2})
    assert outcomes(engine, source) == [PullOutcome.HERE, PullOutcome.FETCHED]
    assert source.retrieved == [NEW]


def test_a_study_of_which_more_has_come_is_fetched_again(engine: Engine, land: Callable[[Dataset], Landing]):
    land(ct_series(1)[0])
    source = MemorySource({HERE: 3})
    assert outcomes(engine, source) == [PullOutcome.FETCHED]


def test_a_passing_failure_is_tried_again_and_a_refusal_is_not(engine: Engine):
    source = MemorySource({NEW: 2}, [UnreachableError(), UnreachableError()])
    assert outcomes(engine, source) == [PullOutcome.FETCHED]
    source = MemorySource({NEW: 2}, [RejectedError()])
    assert outcomes(engine, source) == [PullOutcome.FAILED]
    assert source.retrieved == []


def test_an_archive_that_stays_away_is_given_up_with_the_reason(engine: Engine):
    source = MemorySource({NEW: 2}, [UnreachableError("it is away")] * 3)
    (pulled,) = Puller(engine, source, QUICK).pull([FoundStudy(study_uid=NEW, instances=2)], lambda _: None)
    assert (pulled.outcome, pulled.reason) == (PullOutcome.FAILED, "it is away")


def test_a_stopped_puller_asks_for_nothing_more(engine: Engine):
    source = MemorySource({HERE: 1, NEW: 1})
    # One study a minute: without the stop the second would be waited for.
    puller = Puller(engine, source, PullPace(studies_per_minute=1))
    pulling = puller.pull(source.find(StudyQuery()), lambda _: None)
    assert next(pulling).outcome is PullOutcome.FETCHED
    puller.stop()
    assert list(pulling) == []
    assert source.retrieved == [HERE]
