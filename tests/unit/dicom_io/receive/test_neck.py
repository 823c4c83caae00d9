"""The neck: one answer for each offer, success only when kept and recorded."""

from pathlib import Path

import pytest

from dicom_io.errors import InboxUnavailableError
from dicom_io.headers import read_header
from dicom_io.receive.inbox import Arrival, Landing, MemoryInbox, Refusal, RefusalCode
from dicom_io.receive.neck import Neck, Offer, SilentObserver, Verdict, offer_from_file
from dicom_io.receive.spool import Spool
from dicom_io.receive.statuses import StoreStatus
from tests.factories.dicom import cr_image, write


class CountingObserver:
    def __init__(self) -> None:
        self.verdicts: list[Verdict] = []

    def took(self, verdict: Verdict) -> None:
        self.verdicts.append(verdict)


class DeafInbox(MemoryInbox):
    def land(self, arrival: Arrival) -> Landing:
        raise InboxUnavailableError

    def refuse(self, refusal: Refusal) -> None:
        raise InboxUnavailableError


@pytest.fixture
def file(tmp_path: Path) -> bytes:
    (path,) = write([cr_image()], tmp_path / "source")
    return path.read_bytes()


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


@pytest.mark.parametrize("dataset", [b"", b"this is no dataset", bytes(1000)])
def test_bytes_that_are_no_dataset_are_refused_and_kept(tmp_path: Path, dataset: bytes) -> None:
    inbox = MemoryInbox()
    offer = Offer(dataset=dataset, transfer_syntax_uid="1.2.840.10008.1.2", door="test", source_ae="X")
    verdict = Neck(inbox, Spool(tmp_path), SilentObserver()).take(offer)
    (refusal,) = inbox.refusals
    assert verdict.status is StoreStatus.CANNOT_UNDERSTAND
    assert refusal.reason_code is RefusalCode.NOT_DICOM
    assert refusal.path is not None
    assert refusal.path.read_bytes() == dataset


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
