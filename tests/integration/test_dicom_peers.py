"""The DICOM door and our senders against real peers: DCMTK's tools and Orthanc."""

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit
from pynetdicom import AE, build_context
from pynetdicom.sop_class import CTImageStorage, StudyRootQueryRetrieveInformationModelFind

from dicom_io.errors import NotDicomError, UnreachableError
from dicom_io.headers import read_header
from dicom_io.receive.archive import EmbeddedArchive
from dicom_io.receive.inbox import Arrival, Landing, MemoryInbox, RefusalCode
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import write_results
from dicom_io.send.association import DicomAddress, associated
from dicom_io.send.destination import Receipt, Reference, Refusal
from dicom_io.send.paths import PathOutcome, PathResult, send_paths
from dicom_io.send.store_scu import StoreScu
from tests.factories.dicom import PRIVATE_STORAGE, cr_image, ct_series, structured_report, write
from tests.factories.results import chest_case, study_of
from tests.integration.peers import OrthancPeer, find_program, free_ports, run_dcmtk, start_orthanc


@pytest.fixture
def inbox() -> MemoryInbox:
    return MemoryInbox()


@pytest.fixture
def door(tmp_path: Path, inbox: MemoryInbox) -> Iterator[StoreScp]:
    scp = StoreScp(StoreScpSettings(port=0), inbox, Spool(tmp_path / "spool"), SilentObserver())
    scp.start()
    yield scp
    scp.stop()


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    peer = start_orthanc(tmp_path_factory.mktemp("orthanc"))
    yield peer
    peer.stop()


def _address(port: int, ae_title: str = "VARSEL") -> DicomAddress:
    return DicomAddress(
        host="127.0.0.1", port=port, ae_title=ae_title, acse_timeout_seconds=5, dimse_timeout_seconds=10
    )


def _references(paths: list[Path]) -> list[Reference]:
    headers = [read_header(path) for path in paths]
    return [
        Reference(
            study_instance_uid=header.study_instance_uid,
            series_instance_uid=header.series_instance_uid,
            sop_instance_uid=header.instance.sop_instance_uid,
        )
        for header in headers
    ]


def _uids(paths: list[Path]) -> set[str]:
    return {reference.sop_instance_uid for reference in _references(paths)}


# ------------------------------------------------------------------------------------------------ receiving


def test_dcmtk_verifies_and_stores_a_series(tmp_path: Path, door: StoreScp, inbox: MemoryInbox) -> None:
    paths = write(ct_series(4), tmp_path / "ct")
    assert run_dcmtk("echoscu", ["127.0.0.1", str(door.port)]).returncode == 0
    sent = run_dcmtk("storescu", ["-R", "-aet", "CT1", "127.0.0.1", str(door.port), *paths])
    assert sent.returncode == 0, sent.stderr
    assert set(inbox.arrivals) == _uids(paths)
    assert inbox.wait_for_end()
    (study,) = {header.study_instance_uid for header in map(read_header, paths)}
    assert inbox.ended == [("CT1", frozenset({study}), False)]


def test_dcmtk_may_compress_on_the_way(tmp_path: Path, door: StoreScp, inbox: MemoryInbox) -> None:
    (path,) = write(ct_series(1), tmp_path / "ct")
    assert run_dcmtk("dcmcrle", [path, tmp_path / "rle.dcm"]).returncode == 0
    assert run_dcmtk("storescu", ["-R", "-xr", "127.0.0.1", str(door.port), tmp_path / "rle.dcm"]).returncode == 0
    (arrival,) = inbox.arrivals.values()
    assert arrival.header.instance.transfer_syntax_uid == "1.2.840.10008.1.2.5"
    assert read_header(arrival.path).instance.rows == 16


def test_the_same_object_twice_is_one_and_other_bytes_replace_it(
    tmp_path: Path, door: StoreScp, inbox: MemoryInbox
) -> None:
    (path,) = write([cr_image()], tmp_path / "one")
    (other,) = write([cr_image(patient_id="PID-0002")], tmp_path / "two")
    for one in (path, path, other):
        assert run_dcmtk("storescu", ["-R", "127.0.0.1", str(door.port), one]).returncode == 0
    assert inbox.landings == [Landing.NEW, Landing.SAME, Landing.REPLACED]


def test_an_unknown_sop_class_is_stored(tmp_path: Path, door: StoreScp, inbox: MemoryInbox) -> None:
    dataset = structured_report()
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = PRIVATE_STORAGE
    (path,) = write([dataset], tmp_path / "odd")
    StoreScu(_address(door.port)).send([path])
    assert set(inbox.arrivals) == {dataset.SOPInstanceUID}


def test_a_command_that_names_another_object_is_refused_and_kept(
    tmp_path: Path, door: StoreScp, inbox: MemoryInbox
) -> None:
    (path,) = write([cr_image()], tmp_path / "odd")
    uid = read_header(path).instance.sop_instance_uid.encode()
    other = uid[:-1] + (b"1" if uid[-1:] != b"1" else b"2")
    path.write_bytes(path.read_bytes().replace(uid, other, 1))
    (answer,) = StoreScu(_address(door.port)).send([path])
    assert isinstance(answer, Refusal)
    assert "A900" in answer.reason
    (refusal,) = inbox.refusals
    assert refusal.reason_code is RefusalCode.COMMAND_MISMATCH
    assert refusal.path is not None


def test_bytes_that_are_no_dataset_are_not_understood(tmp_path: Path, door: StoreScp, inbox: MemoryInbox) -> None:
    (path,) = write([cr_image()], tmp_path / "odd")
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"ISO_IR 192") - 8] + b"\xff" * 600)
    context = build_context("1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.1.2.1")
    with associated(_address(door.port), [context]) as association:
        assert association.send_c_store(path).Status == 0xC000
        # The association lives on after a refusal.
        good = write([cr_image()], tmp_path / "good")[0]
        assert association.send_c_store(good).Status == 0x0000
    assert inbox.refusals[0].reason_code is RefusalCode.NOT_DICOM


def test_a_full_spool_answers_out_of_resources_and_keeps_nothing(tmp_path: Path, inbox: MemoryInbox) -> None:
    spool = Spool(tmp_path / "spool", minimum_free_bytes=2**62)
    scp = StoreScp(StoreScpSettings(port=0), inbox, spool, SilentObserver())
    scp.start()
    try:
        with pytest.raises(UnreachableError, match="A700"):
            StoreScu(_address(scp.port)).send(write([cr_image()], tmp_path / "cr"))
    finally:
        scp.stop()
    assert not inbox.arrivals
    assert [path for path in (tmp_path / "spool").rglob("*") if path.is_file()] == []


def test_an_inbox_that_breaks_acknowledges_nothing_and_the_next_association_is_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class BrokenOnce(MemoryInbox):
        is_broken = True

        def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
            if self.is_broken:
                self.is_broken = False
                raise RuntimeError("made up")
            return super().land_all(arrivals)

    inbox = BrokenOnce()
    scp = StoreScp(StoreScpSettings(port=0), inbox, Spool(tmp_path / "spool"), SilentObserver())
    scp.start()
    try:
        paths = write(ct_series(2), tmp_path / "ct")
        with pytest.raises(UnreachableError):
            StoreScu(_address(scp.port)).send(paths[:1])
        assert not inbox.arrivals
        StoreScu(_address(scp.port)).send(paths)
    finally:
        scp.stop()
    assert set(inbox.arrivals) == _uids(paths)
    assert "An association failed by a fault of ours: RuntimeError" in caplog.text


def test_a_sender_that_aborts_midway_is_noted_and_what_came_is_kept(
    tmp_path: Path, door: StoreScp, inbox: MemoryInbox
) -> None:
    paths = write(ct_series(2), tmp_path / "ct")
    entity = AE(ae_title="CT1")
    association = entity.associate(
        "127.0.0.1", door.port, contexts=[build_context(CTImageStorage, "1.2.840.10008.1.2.1")]
    )
    assert association.send_c_store(paths[0]).Status == 0x0000
    association.abort()
    assert inbox.wait_for_end()
    assert inbox.ended[0][2] is True
    assert set(inbox.arrivals) == _uids(paths[:1])


def test_a_connection_that_vanishes_inside_an_object_leaves_no_half_file(
    tmp_path: Path, door: StoreScp, inbox: MemoryInbox
) -> None:
    paths = write(ct_series(2, size=(512, 512)), tmp_path / "ct")
    entity = AE(ae_title="CT1")
    association = entity.associate(
        "127.0.0.1", door.port, contexts=[build_context(CTImageStorage, "1.2.840.10008.1.2.1")]
    )
    assert association.send_c_store(paths[0]).Status == 0x0000
    # The header of a P-DATA-TF PDU that promises 64 KiB, a little of it, and then the line is cut.
    wire = association.dul.socket.socket
    wire.sendall(b"\x04\x00" + (65536).to_bytes(4, "big") + bytes(100))
    wire.shutdown(socket.SHUT_RDWR)
    assert inbox.wait_for_end()
    assert inbox.ended[0][2] is True
    assert len([path for path in (tmp_path / "spool").rglob("*") if path.is_file()]) == 1
    association.kill()
    wire.close()


def test_callers_that_are_not_on_the_list_are_rejected(tmp_path: Path, inbox: MemoryInbox) -> None:
    settings = StoreScpSettings(port=0, allowed_calling_ae_titles=("CT1",))
    scp = StoreScp(settings, inbox, Spool(tmp_path / "spool"), SilentObserver())
    scp.start()
    try:
        assert run_dcmtk("echoscu", ["-aet", "CT1", "127.0.0.1", str(scp.port)]).returncode == 0
        assert run_dcmtk("echoscu", ["-aet", "OTHER", "127.0.0.1", str(scp.port)]).returncode != 0
        with pytest.raises(UnreachableError):
            StoreScu(_address(scp.port)).send(write([cr_image()], tmp_path / "cr"))
    finally:
        scp.stop()


def test_eight_senders_at_once_lose_nothing(tmp_path: Path, door: StoreScp, inbox: MemoryInbox) -> None:
    studies = [write(ct_series(5, study=f"study-{index}"), tmp_path / str(index)) for index in range(8)]
    senders = [
        threading.Thread(target=StoreScu(_address(door.port)).send, args=(paths,), daemon=True) for paths in studies
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join(60)
    assert set(inbox.arrivals) == set().union(*map(_uids, studies))


# ------------------------------------------------------------------------------------------------ sending


def test_orthanc_holds_what_it_was_sent_and_not_before(tmp_path: Path, orthanc: OrthancPeer) -> None:
    paths = [*write(ct_series(3, study="to-orthanc"), tmp_path / "ct"), *write([structured_report()], tmp_path / "sr")]
    archive = StoreScu(_address(orthanc.dicom_port, orthanc.ae_title))
    assert archive.holds(_references(paths)) == set()
    receipts = archive.send(paths)
    assert [receipt.status for receipt in receipts] == [0, 0, 0, 0]
    assert archive.holds(_references(paths)) == _uids(paths) <= orthanc.sop_instance_uids()


def test_files_arrive_in_their_own_transfer_syntax(tmp_path: Path, orthanc: OrthancPeer) -> None:
    (path,) = write(ct_series(1, study="compressed"), tmp_path / "ct")
    assert run_dcmtk("dcmcrle", [path, tmp_path / "rle.dcm"]).returncode == 0
    (receipt,) = StoreScu(_address(orthanc.dicom_port, orthanc.ae_title)).send([tmp_path / "rle.dcm"])
    stored = read_header(orthanc.dicom_file(receipt.sop_instance_uid))
    assert stored.instance.transfer_syntax_uid == "1.2.840.10008.1.2.5"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A Secondary Capture of ours."""
    instances, report, radiograph = chest_case(tmp_path / "source")
    (written,) = write_results(report, study_of(instances), radiograph, [(ResultKind.SC,)], tmp_path / "results")
    return written.path


@pytest.fixture
def plain_archive(tmp_path: Path) -> Iterator[int]:
    """DCMTK's storescp, which takes only what is uncompressed unless it is told otherwise."""
    program = find_program("storescp", "apt-get install dcmtk")
    (port,) = free_ports(1)
    (tmp_path / "plain").mkdir()
    process = subprocess.Popen([program, "-od", tmp_path / "plain", str(port)])
    with contextlib.closing(socket.socket()) as probe:
        while probe.connect_ex(("127.0.0.1", port)) != 0:
            assert process.poll() is None
    yield port
    process.terminate()
    process.wait()


def test_a_picture_is_stored_as_jpeg_where_that_is_taken(picture: Path, orthanc: OrthancPeer) -> None:
    (receipt,) = StoreScu(_address(orthanc.dicom_port, orthanc.ae_title)).send([picture])

    stored = dcmread(BytesIO(orthanc.dicom_file(receipt.sop_instance_uid)))
    assert stored.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
    assert np.array_equal(stored.pixel_array, dcmread(picture).pixel_array)


def test_an_archive_that_takes_no_jpeg_gets_the_same_picture_uncompressed(
    picture: Path, plain_archive: int, tmp_path: Path
) -> None:
    (receipt,) = StoreScu(_address(plain_archive)).send([picture])

    (path,) = (tmp_path / "plain").iterdir()
    ours, theirs = dcmread(picture), dcmread(path)
    assert receipt.sop_instance_uid == theirs.SOPInstanceUID == ours.SOPInstanceUID
    assert not theirs.file_meta.TransferSyntaxUID.is_compressed
    assert (theirs.PhotometricInterpretation, theirs.LossyImageCompression) == ("RGB", "01")
    assert np.array_equal(ours.pixel_array, theirs.pixel_array)


def test_a_picture_that_cannot_be_unpacked_is_refused_with_words(picture: Path, plain_archive: int) -> None:
    whole = picture.read_bytes()
    start = whole.index(b"\xff\xd8")
    picture.write_bytes(whole[: start + 2] + bytes(len(whole) - start - 10) + whole[-8:])

    (refusal,) = StoreScu(_address(plain_archive)).send([picture])

    assert isinstance(refusal, Refusal)
    assert "cannot be unpacked" in refusal.reason


def test_a_class_that_orthanc_does_not_take_is_rejected_with_words(tmp_path: Path, orthanc: OrthancPeer) -> None:
    odd = structured_report(name="odd")
    odd.SOPClassUID = odd.file_meta.MediaStorageSOPClassUID = PRIVATE_STORAGE
    paths = write([cr_image(), odd], tmp_path)
    taken, refused = StoreScu(_address(orthanc.dicom_port, orthanc.ae_title)).send(paths)
    assert isinstance(taken, Receipt)
    assert isinstance(refused, Refusal)
    assert "does not accept SOP class" in refused.reason


def test_a_wrong_called_ae_title_is_said_to_be_rejected(tmp_path: Path, orthanc: OrthancPeer) -> None:
    address = _address(orthanc.dicom_port, "NOBODY")
    (path,) = write([cr_image()], tmp_path)
    with pytest.raises(UnreachableError):
        StoreScu(address).send([path])
    orthanc.get("/system")


def test_a_folder_is_sent_with_a_word_on_each_file(tmp_path: Path, orthanc: OrthancPeer) -> None:
    write([cr_image()], tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    heard: list[PathResult] = []
    results = send_paths([tmp_path], _address(orthanc.dicom_port, orthanc.ae_title), heard.append)
    assert {result.path.name: result.outcome for result in results} == {
        "000.dcm": PathOutcome.SENT,
        "notes.txt": PathOutcome.SKIPPED,
    }
    assert tuple(heard) == results
    assert all(result.reason for result in results if result.outcome is PathOutcome.SKIPPED)


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_nobody_at_the_address_is_unreachable(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    with pytest.raises(UnreachableError, match="does not answer"):
        StoreScu(_address(port)).send(write([cr_image()], tmp_path))


def test_what_is_no_dicom_file_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no image")
    with pytest.raises(NotDicomError):
        StoreScu(_address(1)).send([path])


# ------------------------------------------------------------------------------------------------ embedded archive


def test_the_embedded_archive_stores_finds_and_remembers(tmp_path: Path) -> None:
    paths = write(ct_series(3), tmp_path / "ct")
    settings = StoreScpSettings(port=0, ae_title="ARCHIVE")
    archive = EmbeddedArchive(settings, tmp_path / "archive")
    archive.start()
    peer = StoreScu(_address(archive.port, "ARCHIVE"))
    assert peer.holds(_references(paths)) == set()
    peer.send(paths[:2])
    assert peer.holds(_references(paths)) == _uids(paths[:2])
    archive.stop()

    archive = EmbeddedArchive(settings, tmp_path / "archive")
    archive.start()
    try:
        found = run_dcmtk(
            "findscu",
            ["-S", "-k", "QueryRetrieveLevel=STUDY", "-k", "StudyInstanceUID", "127.0.0.1", str(archive.port)],
        )
        (study,) = archive.list_studies()
        assert study in found.stderr + found.stdout
        assert {header.instance.sop_instance_uid for header in archive.list_study(study)} == _uids(paths[:2])
    finally:
        archive.stop()


def test_storage_beside_another_service_is_served_too_and_in_our_choice_of_syntax(tmp_path: Path) -> None:
    (path,) = write(ct_series(1), tmp_path / "ct")
    archive = EmbeddedArchive(StoreScpSettings(port=0, ae_title="ARCHIVE"), tmp_path / "archive")
    archive.start()
    contexts = [
        build_context(CTImageStorage, ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1"]),
        build_context(StudyRootQueryRetrieveInformationModelFind),
    ]
    try:
        with associated(_address(archive.port, "ARCHIVE"), contexts) as association:
            assert association.accepted_contexts[0].transfer_syntax == ["1.2.840.10008.1.2.1"]
            assert association.send_c_store(path).Status == 0x0000
        (study,) = archive.list_studies()
    finally:
        archive.stop()
    assert {header.instance.sop_instance_uid for header in archive.list_study(study)} == _uids([path])


def test_the_embedded_archive_keeps_the_newest_bytes_of_an_object(tmp_path: Path) -> None:
    (path,) = write([cr_image()], tmp_path / "one")
    (other,) = write([cr_image(patient_id="PID-0002")], tmp_path / "two")
    archive = EmbeddedArchive(StoreScpSettings(port=0, ae_title="ARCHIVE"), tmp_path / "archive")
    archive.start()
    try:
        for one in (path, path, other):
            StoreScu(_address(archive.port, "ARCHIVE")).send([one])
        (header,) = archive.list_study(archive.list_studies()[0])
    finally:
        archive.stop()
    assert header.patient_id == "PID-0002"
    assert list((tmp_path / "archive").rglob("*.dcm")) == [header.instance.path]
