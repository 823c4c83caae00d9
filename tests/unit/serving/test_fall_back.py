"""What was refused falls back to what tells the same findings; what a newer answer replaces is not sent any more."""

from dataclasses import replace
from pathlib import Path

import pytest
from factories.deliveries import Sending, report_and_picture
from factories.results import nodule_case, study_of
from sqlalchemy import Engine, select

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.findings import Region
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject, write_results
from dicom_io.send.destination import Receipt, Refusal
from dicom_io.send.memory import MemoryDestination
from serving.records import ledger
from serving.records.database import reading
from serving.records.schema import AUDIT, DELIVERY
from serving.settings.destinations import Destination


class _Picky(MemoryDestination):
    """Refuses single objects."""

    def __init__(self) -> None:
        super().__init__()
        self.refused_uids: set[str] = set()

    def send(self, objects: list[Path]) -> tuple[Receipt | Refusal, ...]:
        refused = [path for path in objects if path.stem in self.refused_uids]
        taken = super().send([path for path in objects if path not in refused])
        return (*taken, *(Refusal(sop_instance_uid=path.stem, reason="not this one") for path in refused))


@pytest.fixture
def store() -> _Picky:
    return _Picky()


@pytest.fixture
def sending(engine: Engine, store: _Picky, tmp_path: Path) -> Sending:
    pacs = Destination(name="pacs", host="127.0.0.1", port=104, ae_title="PACS")
    return Sending(engine=engine, directory=tmp_path, destinations=[pacs], outlet_of=lambda _: store)


def two_reports(directory: Path, *profiles: tuple[ResultKind, ...]) -> tuple[str, tuple[WrittenObject, ...]]:
    """A CT with a mask and a polygon: an SR for each, and what *profiles* want beside."""
    instances, report, volume = nodule_case(directory)
    polygon = ((1.5, 2.5), (9.5, 2.5), (9.5, 8.5), (1.5, 2.5))
    region = Region(sop_instance_uid=report.source_uids[0], polygon=polygon)
    planar = replace(report.findings[0], key="p-1", tracking_uid="2.25.8", segment=None, region=region)
    mixed = replace(report, findings=(*report.findings, planar))
    return report.study_instance_uid, write_results(mixed, study_of(instances), volume, profiles, directory / "out")


def places(sending: Sending) -> set[tuple[str, str, str]]:
    with reading(sending.engine) as connection:
        objects = ledger.objects_of(connection, sending.delivery("pacs").id)
    return {(one.kind, one.part, one.state.value) for one in objects}


def sr_of(written: tuple[WrittenObject, ...], part: str) -> str:
    """The SR of that place which those get who take masks."""
    found = [one for one in written if one.kind is ResultKind.SR and one.part == part]
    return next(one.sop_instance_uid for one in found if one.audience.includes((ResultKind.SR, ResultKind.SEG)))


def test_the_other_report_does_not_stand_in_for_a_refused_one(sending: Sending, store: _Picky, tmp_path: Path):
    profile, fallback = (ResultKind.SR, ResultKind.SEG), (ResultKind.SR,)
    sending = replace(sending.to(profile=profile, fallback=fallback), outlet_of=sending.outlet_of)
    study_uid, written = two_reports(tmp_path, profile, fallback)
    store.refused_uids = {sr_of(written, "planar")}
    item_id = sending.queue_written("two", study_uid, written)

    with pytest.raises(RejectedError, match="not this one"):
        sending.send("pacs")

    assert ("sr", "volumetric", "accepted") in places(sending)
    assert ("sr", "planar", "refused") in places(sending)
    assert sending.item(item_id).state == "failed"


def test_each_refused_report_falls_back_to_its_own(sending: Sending, store: _Picky, tmp_path: Path):
    profile, fallback = (ResultKind.SR, ResultKind.SEG), (ResultKind.SR,)
    sending = replace(sending.to(profile=profile, fallback=fallback), outlet_of=sending.outlet_of)
    study_uid, written = two_reports(tmp_path, profile, fallback)
    store.refused_uids = {sr_of(written, "volumetric")}
    item_id = sending.queue_written("two", study_uid, written)

    sending.send("pacs")

    assert places(sending) == {
        ("seg", "", "accepted"),
        ("sr", "planar", "accepted"),
        ("sr", "volumetric", "refused"),
        ("sr", "volumetric", "accepted"),
    }
    assert sending.item(item_id).state == "done"


def test_a_picture_stands_in_for_every_report(sending: Sending, store: _Picky, tmp_path: Path):
    profile, fallback = (ResultKind.SR,), (ResultKind.SC,)
    sending = replace(sending.to(profile=profile, fallback=fallback), outlet_of=sending.outlet_of)
    study_uid, written = two_reports(tmp_path, profile, fallback)
    store.refused_uids = {one.sop_instance_uid for one in written if one.kind is ResultKind.SR}
    sending.queue_written("two", study_uid, written)

    sending.send("pacs")

    told = {(kind, state) for kind, _, state in places(sending)}
    assert told == {("sr", "refused"), ("sc", "accepted")}


def of_generation(study: str, generation: int) -> dict[ResultKind, object]:
    objects = report_and_picture(study)
    for one in objects.values():
        one.SOPInstanceUID = one.file_meta.MediaStorageSOPInstanceUID = f"{one.SOPInstanceUID}.{generation}"
    return objects


def states(sending: Sending) -> list[tuple[str, str]]:
    with reading(sending.engine) as connection:
        wanted = select(DELIVERY.c.state, DELIVERY.c.reason).order_by(DELIVERY.c.created_at)
        return [(row.state, row.reason) for row in connection.execute(wanted)]


@pytest.mark.parametrize("tries", [0, 1])
def test_what_a_newer_answer_replaces_is_not_sent_any_more(sending: Sending, store: _Picky, tries: int):
    first = sending.queue("late", {ResultKind.SR: of_generation("late", 1)[ResultKind.SR]})
    store.failure = UnreachableError("down")
    for _ in range(tries):
        with pytest.raises(UnreachableError):
            sending.send("pacs")
    second = sending.queue("late", {ResultKind.SR: of_generation("late", 2)[ResultKind.SR]}, generation=2)
    store.failure = None

    (sent,) = sending.send("pacs")

    assert store.sent == [sent.sop_instance_uid]
    assert states(sending) == [("cancelled", "generation 2 of the case took over"), ("accepted", "")]
    assert (sending.item(first).state, sending.item(second).state) == ("done", "done")
    with reading(sending.engine) as connection:
        told = connection.scalars(select(AUDIT.c.detail).where(AUDIT.c.action == "delivery_superseded")).all()
    assert [one["by"] for one in told] == [second]


def test_a_dead_delivery_that_is_replaced_leaves_no_failure(sending: Sending, store: _Picky):
    first = sending.queue("dead", {ResultKind.SR: of_generation("dead", 1)[ResultKind.SR]})
    store.refused_classes = {"1.2.840.10008.5.1.4.1.1.88.34"}
    with pytest.raises(RejectedError):
        sending.send("pacs")
    assert sending.item(first).state == "failed"

    sending.queue("dead", {ResultKind.SR: of_generation("dead", 2)[ResultKind.SR]}, generation=2)

    assert sending.item(first).state == "superseded"


def test_what_has_arrived_stays_and_another_case_is_left_alone(sending: Sending, store: _Picky):
    sending.queue("there", {ResultKind.SR: of_generation("there", 1)[ResultKind.SR]})
    sending.send("pacs")
    sending.queue("other", {ResultKind.SR: of_generation("other", 1)[ResultKind.SR]})
    sending.queue("there", {ResultKind.SR: of_generation("there", 2)[ResultKind.SR]}, generation=2)

    assert [state for state, _ in states(sending)] == ["accepted", "queued", "queued"]
    assert len(store.sent) == 1
