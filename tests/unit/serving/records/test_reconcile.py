"""Spool and tables are brought together, whatever a crash took from either."""

from collections.abc import Callable
from pathlib import Path

import pytest
from factories.dicom import ct_series
from pydicom.dataset import Dataset
from sqlalchemy import Engine, delete, select

from dicom_io.receive.neck import Neck, SilentObserver, Verdict, offer_from_file
from dicom_io.receive.spool import Spool
from serving.records.database import reading, writing
from serving.records.inbox import DatabaseInbox
from serving.records.reconcile import Reconciliation, reconcile
from serving.records.schema import INSTANCE, STUDY

Take = Callable[[Dataset], Verdict]


@pytest.fixture
def spool(tmp_path: Path) -> Spool:
    return Spool(tmp_path / "spool")


@pytest.fixture
def take(inbox: DatabaseInbox, spool: Spool, tmp_path: Path) -> Take:
    neck = Neck(inbox, spool, SilentObserver())

    def take_one(dataset: Dataset) -> Verdict:
        path = tmp_path / "source.dcm"
        dataset.save_as(path, enforce_file_format=True)
        return neck.take(offer_from_file(path.read_bytes(), door="test", source_ae="SENDER"))

    return take_one


@pytest.fixture
def kept(take: Take, spool: Spool) -> list[Path]:
    """Three slices that were taken, in the order of their names."""
    for image in ct_series(3):
        take(image)
    return sorted(spool.root.glob("*/*.dcm"))


def current(engine: Engine) -> set[str]:
    with reading(engine) as connection:
        return set(connection.scalars(select(INSTANCE.c.path).where(INSTANCE.c.current)))


def test_where_nothing_differs_nothing_is_done(engine, inbox, spool, kept, caplog):
    assert reconcile(engine, inbox, spool).is_clean
    assert current(engine) == set(map(str, kept))
    assert not caplog.records


def test_rows_that_a_power_cut_took_back_are_written_again(engine, inbox, spool, kept):
    with writing(engine) as connection:
        connection.execute(delete(INSTANCE).where(INSTANCE.c.path != str(kept[0])))
    assert reconcile(engine, inbox, spool) == Reconciliation(recorded=2)
    assert current(engine) == set(map(str, kept))
    assert reconcile(engine, inbox, spool).is_clean


def test_a_study_that_a_power_cut_took_back_is_open_again(engine, inbox, spool, kept):
    with writing(engine) as connection:
        connection.execute(delete(INSTANCE))
        connection.execute(delete(STUDY))
    assert reconcile(engine, inbox, spool) == Reconciliation(recorded=3)
    with reading(engine) as connection:
        assert connection.execute(select(STUDY.c.due_at)).one().due_at is not None


@pytest.mark.parametrize("content", [b"", b"half of it"])
def test_a_file_that_was_not_flushed_is_put_aside(engine, inbox, spool, kept, content):
    with writing(engine) as connection:
        connection.execute(delete(INSTANCE).where(INSTANCE.c.path == str(kept[0])))
    kept[0].write_bytes(content)
    assert reconcile(engine, inbox, spool) == Reconciliation(put_aside=1)
    assert current(engine) == set(map(str, kept[1:]))
    assert (spool.root / "refused" / kept[0].name).read_bytes() == content


def test_pixels_that_a_power_cut_zeroed_are_not_taken_for_whole(engine, inbox, spool, kept):
    with writing(engine) as connection:
        connection.execute(delete(INSTANCE).where(INSTANCE.c.path == str(kept[0])))
    data = kept[0].read_bytes()
    kept[0].write_bytes(data[:-100] + bytes(100))
    assert reconcile(engine, inbox, spool) == Reconciliation(put_aside=1)


@pytest.mark.parametrize("whole_study", [False, True])
def test_a_row_whose_file_is_gone_no_longer_counts_and_the_object_is_taken_anew(
    engine, inbox, spool, kept, take, caplog, *, whole_study
):
    gone = kept if whole_study else kept[:1]
    for path in gone:
        path.unlink()
    if whole_study:
        kept[0].parent.rmdir()
    assert reconcile(engine, inbox, spool) == Reconciliation(lost=len(gone))
    assert "have lost their files" in caplog.text
    for image in ct_series(3):
        take(image)
    assert current(engine) == set(map(str, kept))


def test_a_row_whose_file_was_cut_no_longer_counts(engine, inbox, spool, kept):
    kept[0].write_bytes(kept[0].read_bytes()[:-10])
    assert reconcile(engine, inbox, spool) == Reconciliation(lost=1)
    assert current(engine) == set(map(str, kept[1:]))


def test_what_was_never_finished_is_removed(engine, inbox, spool, kept):
    (spool.root / "incoming" / "0123").write_bytes(b"half")
    assert reconcile(engine, inbox, spool) == Reconciliation(unfinished=1)


def test_files_of_another_node_are_left_to_it(engine, inbox, kept, tmp_path):
    assert reconcile(engine, inbox, Spool(tmp_path / "another")).is_clean
    assert current(engine) == set(map(str, kept))
