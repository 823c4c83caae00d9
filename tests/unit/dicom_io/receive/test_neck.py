"""The neck: one answer for each offer, success only when kept and recorded."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dicom_io.errors import InboxUnavailableError
from dicom_io.headers import read_dataset_header, read_header
from dicom_io.receive.inbox import Arrival, Landing, MemoryInbox, Refusal, RefusalCode
from dicom_io.receive.neck import Neck, Offer, SilentObserver, Verdict, _envelope, offer_from_file
from dicom_io.receive.recorder import Recorder, _Ticket
from dicom_io.receive.spool import Spool
from dicom_io.receive.statuses import StoreStatus
from tests.factories.dicom import cr_image, ct_series, write
from tests.factories.waiting import until


class CountingObserver:
    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    def took(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


class DeafInbox(MemoryInbox):
    def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
        raise InboxUnavailableError

    def refuse(self, refusal: Refusal) -> None:
        raise InboxUnavailableError


@pytest.fixture
def file(tmp_path: Path) -> bytes:
    (path,) = write([cr_image()], tmp_path / "source")
    return path.read_bytes()


def _arrival(path: Path, source_ae: str) -> Arrival:
    return Arrival(path=path, header=read_header(path), digest="0" * 64, size_bytes=1, source_ae=source_ae)


def _offer(file: bytes, **changes: str) -> Offer:
    offer = offer_from_file(file, door="test", source_ae="MODALITY")
    return Offer(
        dataset=offer.dataset,
        transfer_syntax_uid=offer.transfer_syntax_uid,
        door="test",
        source_ae="MODALITY",
        **changes,
    )


def test_a_good_object_is_kept_and_recorded(tmp_path: Path, file: bytes) -> None:
    inbox, observer = MemoryInbox(), CountingObserver()
    verdict = Neck(inbox, Spool(tmp_path / "spool"), observer).take(_offer(file))
    (arrival,) = inbox.arrivals.values()
    assert (verdict.status, verdict.landing, verdict.reason) == (StoreStatus.SUCCESS, Landing.NEW, "")
    assert read_header(arrival.path) == arrival.header
    assert arrival.path.stat().st_size == arrival.size_bytes
    assert arrival.source_ae == "MODALITY"
    assert observer.verdicts == [verdict]


def test_the_dataset_lies_in_the_spool_byte_for_byte(tmp_path: Path, file: bytes) -> None:
    inbox = MemoryInbox()
    offer = _offer(file)
    Neck(inbox, Spool(tmp_path / "spool"), SilentObserver()).take(offer)
    (arrival,) = inbox.arrivals.values()
    assert arrival.path.read_bytes().endswith(offer.dataset)


def test_the_same_object_is_same_and_other_bytes_replace_it(tmp_path: Path, file: bytes) -> None:
    inbox = MemoryInbox()
    neck = Neck(inbox, Spool(tmp_path / "spool"), SilentObserver())
    (other,) = write([cr_image(patient_id="PID-0002")], tmp_path / "other")
    landings = [neck.take(_offer(data)).landing for data in (file, file, other.read_bytes())]
    assert landings == [Landing.NEW, Landing.SAME, Landing.REPLACED]
    # What came twice lies there once.
    assert len(list((tmp_path / "spool").glob("*/*.dcm"))) == 2


def test_an_object_may_come_in_pieces_of_any_size(tmp_path: Path, file: bytes) -> None:
    inbox = MemoryInbox()
    neck = Neck(inbox, Spool(tmp_path / "spool"), SilentObserver())
    offer = _offer(file)
    header = read_dataset_header(offer.dataset, offer.transfer_syntax_uid)
    for size in (1, 7, 700):
        incoming = neck.begin(_envelope(offer))
        for start in range(0, len(offer.dataset), size):
            incoming.write(memoryview(offer.dataset)[start : start + size])
        assert neck.end(incoming).status is StoreStatus.SUCCESS
    (arrival,) = inbox.arrivals.values()
    assert arrival.header == header.at(arrival.path)
    assert arrival.path.read_bytes().endswith(offer.dataset)


@pytest.mark.parametrize("ahead", [100, 16_384, 20_000])
def test_a_header_may_be_looked_at_before_its_bytes_are_written(tmp_path: Path, ahead: int) -> None:
    (path,) = write(ct_series(1, size=(128, 128)), tmp_path / "source")
    inbox = MemoryInbox()
    neck = Neck(inbox, Spool(tmp_path / "spool"), SilentObserver())
    offer = _offer(path.read_bytes())
    whole = memoryview(offer.dataset)
    incoming = neck.begin(_envelope(offer))
    incoming.look_ahead(whole[:ahead])
    incoming.write(whole[:30_000])
    incoming.look_ahead(whole[30_000:])
    incoming.write(whole[30_000:])
    assert neck.end(incoming).status is StoreStatus.SUCCESS
    (arrival,) = inbox.arrivals.values()
    assert arrival.header == read_dataset_header(offer.dataset, offer.transfer_syntax_uid).at(arrival.path)
    assert arrival.path.read_bytes().endswith(offer.dataset)


def test_a_header_that_is_longer_than_usual_is_read_too(tmp_path: Path) -> None:
    image = cr_image()
    image.add_new(0x00091001, "OB", bytes(200_000))
    image.add_new(0x00090010, "LO", "Made up")
    (path,) = write([image], tmp_path / "source")
    inbox = MemoryInbox()
    verdict = Neck(inbox, Spool(tmp_path / "spool"), SilentObserver()).take(_offer(path.read_bytes()))
    assert verdict.status is StoreStatus.SUCCESS
    assert image.SOPInstanceUID in inbox.arrivals


def test_an_object_above_the_limit_is_refused_without_evidence(tmp_path: Path, file: bytes) -> None:
    inbox = MemoryInbox()
    spool = Spool(tmp_path / "spool")
    verdict = Neck(inbox, spool, SilentObserver(), maximum_object_bytes=500).take(_offer(file))
    assert verdict.status is StoreStatus.TOO_LARGE
    assert inbox.refusals[0].reason_code is RefusalCode.TOO_LARGE
    assert not [path for path in spool.root.rglob("*") if path.is_file()]


def test_an_object_that_breaks_off_leaves_nothing(tmp_path: Path, file: bytes) -> None:
    spool = Spool(tmp_path / "spool")
    incoming = Neck(MemoryInbox(), spool, SilentObserver()).begin(_envelope(_offer(file)))
    incoming.write(memoryview(file))
    incoming.drop()
    assert not [path for path in spool.root.rglob("*") if path.is_file()]


def test_objects_that_come_together_are_recorded_together(tmp_path: Path) -> None:
    class SlowInbox(MemoryInbox):
        def __init__(self) -> None:
            super().__init__()
            self.groups: list[int] = []
            self.first_is_recorded, self.all_have_come = threading.Event(), threading.Event()

        def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
            self.groups.append(len(arrivals))
            self.first_is_recorded.set()
            assert self.all_have_come.wait(10)
            return super().land_all(arrivals)

    inbox = SlowInbox()
    spool = Spool(tmp_path / "spool")
    neck = Neck(inbox, spool, SilentObserver())
    offers = [_offer(path.read_bytes()) for path in write(ct_series(5), tmp_path / "source")]
    with ThreadPoolExecutor(5) as senders:
        first = senders.submit(neck.take, offers[0])
        assert inbox.first_is_recorded.wait(10)
        others = [senders.submit(neck.take, offer) for offer in offers[1:]]
        until(lambda: len(neck._recorder._waiting) == 4)
        inbox.all_have_come.set()
        assert {one.result().status for one in (first, *others)} == {StoreStatus.SUCCESS}
    assert inbox.groups == [1, 4]


def test_one_that_cannot_be_recorded_costs_its_group_nothing(tmp_path: Path) -> None:
    class ChoosyInbox(MemoryInbox):
        def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
            if any(arrival.source_ae == "BAD" for arrival in arrivals):
                raise InboxUnavailableError
            return super().land_all(arrivals)

    arrivals = [
        _arrival(path, source) for path, source in zip(write(ct_series(3), tmp_path), ("A", "BAD", "C"), strict=True)
    ]
    recorder = Recorder(ChoosyInbox())
    tickets = [_Ticket(arrival) for arrival in arrivals]
    recorder._record(tickets)
    assert [ticket.landed for ticket in tickets] == [Landing.NEW, None, Landing.NEW]


@pytest.mark.parametrize("dataset", [b"", b"this is no dataset", bytes(1000)])
def test_bytes_that_are_no_dataset_are_refused_and_kept(tmp_path: Path, dataset: bytes) -> None:
    inbox = MemoryInbox()
    offer = Offer(dataset=dataset, transfer_syntax_uid="1.2.840.10008.1.2", door="test", source_ae="X")
    verdict = Neck(inbox, Spool(tmp_path), SilentObserver()).take(offer)
    (refusal,) = inbox.refusals
    assert verdict.status is StoreStatus.CANNOT_UNDERSTAND
    assert refusal.reason_code is RefusalCode.NOT_DICOM
    assert refusal.path is not None
    assert refusal.path.read_bytes().endswith(dataset)


@pytest.mark.parametrize("changes", [{"sop_class_uid": "1.2.3"}, {"sop_instance_uid": "1.2.3"}])
def test_a_command_that_names_another_object_is_a_mismatch(
    tmp_path: Path, file: bytes, changes: dict[str, str]
) -> None:
    inbox = MemoryInbox()
    verdict = Neck(inbox, Spool(tmp_path / "spool"), SilentObserver()).take(_offer(file, **changes))
    assert verdict.status is StoreStatus.DATA_SET_MISMATCH
    assert inbox.refusals[0].reason_code is RefusalCode.COMMAND_MISMATCH
    assert not inbox.arrivals


def test_a_full_spool_asks_to_try_again(tmp_path: Path, file: bytes) -> None:
    inbox = MemoryInbox()
    verdict = Neck(inbox, Spool(tmp_path / "spool", minimum_free_bytes=2**62), SilentObserver()).take(_offer(file))
    assert verdict.status is StoreStatus.OUT_OF_RESOURCES
    assert not inbox.arrivals


@pytest.mark.parametrize("is_good", [True, False])
def test_an_inbox_that_is_away_asks_to_try_again(tmp_path: Path, file: bytes, *, is_good: bool) -> None:
    offer = _offer(file) if is_good else Offer(dataset=b"", transfer_syntax_uid="1.2", door="test", source_ae="X")
    verdict = Neck(DeafInbox(), Spool(tmp_path / "spool"), SilentObserver()).take(offer)
    assert verdict.status is StoreStatus.OUT_OF_RESOURCES


def test_a_refusal_says_nothing_of_the_patient(tmp_path: Path, file: bytes, caplog: pytest.LogCaptureFixture) -> None:
    Neck(MemoryInbox(), Spool(tmp_path / "spool"), SilentObserver()).take(_offer(file, sop_class_uid="1.2.3"))
    assert "An object was not taken" in caplog.text
    assert "PID-0001" not in caplog.text
    assert "Sørensen" not in caplog.text
