"""The delivery ledger against real archives: what each said, what is done about it, and what the archive then holds."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest
import trustme
from prometheus_client import CollectorRegistry
from pydicom import dcmread
from sqlalchemy import Engine

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.receive.commitment import commitment_service
from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.results.kinds import ResultKind
from dicom_io.results.withdrawal import WithdrawalReason
from dicom_io.send.commitment import request_commitment
from serving.commitment import CommitmentBook, CommitmentKeeper
from serving.errors import NotWithdrawnError
from serving.outlets import Outlets, dicom_address
from serving.records.database import open_database
from serving.records.migrate import migrate
from serving.settings.destinations import Destination, DicomwebDestination
from serving.settings.dicom_tls import Tls
from serving.telemetry.metrics import CommitmentMetrics
from serving.withdraw import Retraction, Withdrawer
from tests.factories.deliveries import Sending
from tests.factories.dicom import cr_image, structured_report
from tests.factories.tls import issue
from tests.integration.peers import OrthancPeer, find_program, free_ports, start_orthanc

OURS = "VARSEL"
#: Label Map Segmentation Storage, younger than the DCMTK in Debian's Orthanc.
LABELMAP_STORAGE = "1.2.840.10008.5.1.4.1.1.66.7"


@pytest.fixture(scope="module")
def our_port() -> int:
    return free_ports(1)[0]


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory, our_port: int) -> Iterator[OrthancPeer]:
    ours = {"AET": OURS, "Host": "127.0.0.1", "Port": our_port, "AllowStorageCommitment": True}
    peer = start_orthanc(tmp_path_factory.mktemp("orthanc"), modalities={"varsel": ours})
    yield peer
    peer.stop()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def outlets() -> Iterator[Outlets]:
    outlets = Outlets()
    yield outlets
    outlets.close()


@pytest.fixture
def sending(engine: Engine, outlets: Outlets, orthanc: OrthancPeer, tmp_path: Path) -> Sending:
    return Sending(engine=engine, directory=tmp_path, destinations=[pacs(orthanc.dicom_port)], outlet_of=outlets.of)


def pacs(port: int, **more: object) -> Destination:
    values = {"storage_commitment": True, "timeout_seconds": 5, "keep_open_seconds": 0.2}
    return Destination(name="pacs", host="127.0.0.1", port=port, ae_title="TESTPACS", **values | more)


def web(url: str, **more: object) -> DicomwebDestination:
    return DicomwebDestination(name="pacs", url=url, timeout_seconds=5, **more)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def arrivals(orthanc: OrthancPeer, uid: str) -> int:
    """How often Orthanc took the object, repeats included."""
    (found,) = orthanc.rest.post("/tools/lookup", content=uid).raise_for_status().json()
    changes = orthanc.get("/changes?limit=10000")["Changes"]
    return sum(one["ChangeType"] == "NewInstance" and one["ID"] == found["ID"] for one in changes)


# ------------------------------------------------------------------------------------------------ storage commitment


@pytest.fixture
def keeper(engine: Engine, sending: Sending, tmp_path: Path, our_port: int) -> Iterator[CommitmentKeeper]:
    """Asks Orthanc; its reports come to our own door."""
    metrics = CommitmentMetrics(CollectorRegistry())
    service = commitment_service(CommitmentBook(engine, metrics))
    spool = Spool(tmp_path / "spool")
    door = StoreScp(StoreScpSettings(port=our_port), MemoryInbox(), spool, SilentObserver(), extra_services=[service])
    door.start()
    yield CommitmentKeeper(
        engine,
        sending.destinations,
        lambda destination, uid, items: request_commitment(dicom_address(destination), uid, items, linger_seconds=0),
        metrics,
    )
    door.stop()


def test_an_archive_that_accepted_commits_and_the_ledger_closes(sending: Sending, keeper: CommitmentKeeper):
    sending.queue("committed")
    sending.send("pacs")
    assert sending.delivery("pacs").state == "accepted"

    keeper.turn()
    wait_until(lambda: sending.delivery("pacs").state == "committed", "the report has come")

    assert sending.states("pacs") == {"sr": "committed", "sc": "committed"}
    assert sending.history("pacs") == [("accepted", ""), ("committed", "")]


def test_an_archive_that_accepted_and_then_says_it_never_did_gets_it_again(
    sending: Sending, keeper: CommitmentKeeper, orthanc: OrthancPeer
):
    item_id = sending.queue("denied")
    _, picture = sending.send("pacs")
    (lost,) = orthanc.rest.post("/tools/lookup", content=picture.sop_instance_uid).raise_for_status().json()
    orthanc.rest.delete(f"/instances/{lost['ID']}").raise_for_status()

    keeper.turn()
    wait_until(lambda: sending.delivery("pacs").state == "waiting", "the archive has denied")
    assert sending.states("pacs") == {"sr": "committed", "sc": "queued"}
    assert "denied by the archive: 0112" in sending.delivery("pacs").reason
    assert sending.item(item_id).state == "delivering"

    sending.send("pacs")
    assert sending.item(item_id).state == "done"
    keeper.turn()
    wait_until(lambda: sending.delivery("pacs").state == "committed", "the second report has come")
    assert picture.sop_instance_uid in orthanc.sop_instance_uids()


# ------------------------------------------------------------------------------------------------ query before resend


def test_what_an_archive_stored_before_it_went_silent_is_not_sent_again(sending: Sending, orthanc: OrthancPeer):
    """It stores everything, but its answers are lost on the way, so that we hear of a time-out."""
    sending.queue("silent")
    with deaf_line(orthanc.dicom_port) as port, pytest.raises(UnreachableError):
        sending.to(port=port, timeout_seconds=1).send("pacs")
    assert sending.delivery("pacs").state == "waiting"

    objects = sending.send("pacs")

    first = objects[0].sop_instance_uid
    assert (sending.delivery("pacs").state, arrivals(orthanc, first)) == ("accepted", 1)
    assert sending.history("pacs") == [("waiting", "transient"), ("accepted", "")]


class deaf_line:  # noqa: N801  Reads as the block that it is.
    """A line to *port* on which only the first answer, the association's, comes back."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []

    def __enter__(self) -> int:
        threading.Thread(target=self._carry, daemon=True).start()
        return int(self._listener.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        for end in (self._listener, *self._ends):
            end.close()

    def _carry(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self._target))
        self._ends += [near, far]
        threading.Thread(target=self._swallow, args=(far, near), daemon=True).start()
        while data := near.recv(65536):
            far.sendall(data)

    def _swallow(self, far: socket.socket, near: socket.socket) -> None:
        near.sendall(far.recv(65536))
        try:
            while far.recv(65536):
                pass
        except OSError:
            return


# ------------------------------------------------------------------------------------------------ fallback


@pytest.fixture
def pictures_only(tmp_path: Path) -> Iterator[int]:
    """DCMTK's storescp that accepts radiographs and no SR."""
    program = find_program("storescp", "apt-get install dcmtk")
    (port,) = free_ports(1)
    settings = tmp_path / "storescp.cfg"
    settings.write_text(
        "[[TransferSyntaxes]]\n[Plain]\nTransferSyntax1 = LittleEndianExplicit\n"
        "[[PresentationContexts]]\n[Pictures]\nPresentationContext1 = ComputedRadiographyImageStorage\\Plain\n"
        "PresentationContext2 = VerificationSOPClass\\Plain\n"
        "[[Profiles]]\n[Default]\nPresentationContexts = Pictures\n"
    )
    (tmp_path / "old-pacs").mkdir()
    process = subprocess.Popen(
        [program, "-xf", settings, "Default", "-od", tmp_path / "old-pacs", "-aet", "TESTPACS", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: answers(port), "storescp listens")
    yield port
    process.terminate()
    process.wait()


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_pacs_that_refuses_the_report_gets_the_picture_and_the_ledger_says_so(
    sending: Sending, pictures_only: int, tmp_path: Path
):
    old = {"port": pictures_only, "can_query": False, "profile": (ResultKind.SR,), "fallback": (ResultKind.SC,)}
    sending = sending.to(**old)
    item_id = sending.queue("old-pacs-study")

    sending.send("pacs")

    delivery = sending.delivery("pacs")
    assert (delivery.state, sending.item(item_id).state) == ("accepted", "done")
    assert sending.states("pacs") == {"sr": "refused", "sc": "accepted"}
    assert delivery.reason.startswith("SR was refused, so SC alone tells the result: ")
    assert len([*(tmp_path / "old-pacs").iterdir()]) == 1


def test_an_orthanc_that_does_not_know_label_maps_gets_the_picture(sending: Sending, orthanc: OrthancPeer):
    labels = structured_report(study="labels", name="labels")
    labels.SOPClassUID = labels.file_meta.MediaStorageSOPClassUID = LABELMAP_STORAGE
    sending = sending.to(profile=(ResultKind.LABELMAP,), fallback=(ResultKind.SC,))
    item_id = sending.queue("labels", {ResultKind.LABELMAP: labels, ResultKind.SC: cr_image(study="labels")})

    refused, picture = sending.send("pacs")

    assert sending.states("pacs") == {"labelmap": "refused", "sc": "accepted"}
    assert picture.sop_instance_uid in orthanc.sop_instance_uids()
    assert refused.sop_instance_uid not in orthanc.sop_instance_uids()
    assert f"does not accept SOP class {LABELMAP_STORAGE}" in sending.delivery("pacs").reason
    assert sending.item(item_id).state == "done"


def test_a_pacs_that_refuses_and_has_no_fallback_is_put_aside_with_its_reason(sending: Sending, pictures_only: int):
    sending = sending.to(port=pictures_only, can_query=False, profile=(ResultKind.SR,), fallback=())
    item_id = sending.queue("refused-study")

    with pytest.raises(RejectedError, match="does not accept SOP class"):
        sending.send("pacs")

    assert (sending.delivery("pacs").state, sending.item(item_id).state) == ("dead", "failed")
    assert sending.history("pacs") == [("dead", "refused")]


# ------------------------------------------------------------------------------------------------ DICOMweb and TLS


def test_results_are_stored_by_stow_and_found_before_they_are_sent_again(sending: Sending, orthanc: OrthancPeer):
    if "dicom-web" not in orthanc.get("/plugins"):
        pytest.skip("Orthanc's DICOMweb plug-in is not installed (apt-get install orthanc-dicomweb)")
    sending.destinations = [web(orthanc.dicomweb_url)]
    sending.queue("stowed")
    objects = sending.send("pacs")
    assert {one.sop_instance_uid for one in objects} <= orthanc.sop_instance_uids()

    again = sending.send_again("pacs")

    assert again == objects
    assert [arrivals(orthanc, one.sop_instance_uid) for one in objects] == [1, 1]


def test_a_whole_delivery_goes_over_dicom_tls_and_none_in_the_clear(engine: Engine, outlets: Outlets, tmp_path: Path):
    authority = trustme.CA()
    theirs, ours = issue(authority, tmp_path, "pacs"), issue(authority, tmp_path, "varsel")
    secure = {
        "DicomTlsEnabled": True,
        "DicomTlsCertificate": str(theirs.certificate),
        "DicomTlsPrivateKey": str(theirs.key),
        "DicomTlsTrustedCertificates": str(theirs.trusted),
        "DicomTlsRemoteCertificateRequired": True,
    }
    peer = start_orthanc(tmp_path / "secure", more=secure)
    tls = Tls(certificate=ours.certificate, key=ours.key, trusted=ours.trusted)
    try:
        sending = Sending(
            engine=engine,
            directory=tmp_path,
            destinations=[pacs(peer.dicom_port, tls=tls)],
            outlet_of=outlets.of,
        )
        sending.queue("over-tls")
        sending.send("pacs")
        assert len(peer.sop_instance_uids()) == 2
        clear = sending.to(tls=Tls())
        clear.queue("in-the-clear")
        with pytest.raises(UnreachableError):
            clear.send("pacs")
    finally:
        peer.stop()


# ------------------------------------------------------------------------------------------------ withdrawal


def test_a_result_is_taken_back_at_the_archive_by_a_rejection_note(
    sending: Sending, orthanc: OrthancPeer, engine: Engine, tmp_path: Path
):
    item_id = sending.queue("withdrawn")
    told = sending.send("pacs")
    retraction = Retraction(
        work_item_id=item_id, reason=WithdrawalReason.WITHDRAWN, words="sides were swapped", actor="tester"
    )

    assert Withdrawer(engine, tmp_path / "results", "en").withdraw(retraction) == ("pacs",)
    (note,) = sending.send("pacs")

    stored = dcmread(BytesIO(orthanc.dicom_file(note.sop_instance_uid)))
    assert stored.Modality == "KO"
    named = stored.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    objects = {one.ReferencedSOPInstanceUID for series in named for one in series.ReferencedSOPSequence}
    assert objects == {one.sop_instance_uid for one in told}
    item = sending.item(item_id)
    assert (item.state, item.reason_code, item.reason) == ("done", "withdrawn", "withdrawn: sides were swapped")
    with pytest.raises(NotWithdrawnError, match="withdrawn before"):
        Withdrawer(engine, tmp_path / "results", "en").withdraw(retraction)
