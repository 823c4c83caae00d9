"""Fetching from a real archive: C-FIND, C-MOVE, C-GET, QIDO-RS and WADO-RS against Orthanc, and `varsel pull`."""

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from sqlalchemy import Engine, select
from typer.testing import CliRunner

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.headers import read_header
from dicom_io.receive.inbox import MemoryInbox
from dicom_io.receive.neck import Neck, SilentObserver
from dicom_io.receive.retrieve import GetSource, MoveSource
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import StoreScp, StoreScpSettings
from dicom_io.retrieve.source import StudyQuery, StudySource
from dicom_io.retrieve.web import WebSource
from dicom_io.send.association import DicomAddress
from dicom_io.send.web_address import WebAddress
from dicom_io.uids import derive_uid
from serving.records.database import open_database, reading
from serving.records.schema import INSTANCE
from serving.records.workitem_schema import PRIORITY_HINT
from tests.factories.dicom import cr_image, ct_series, write
from tests.integration.peers import OrthancPeer, free_ports, run_dcmtk, start_orthanc
from varsel.cli import app
from varsel.invocation import Invocation

CT_STUDY, CR_STUDY, PACKED_STUDY = derive_uid("study-1"), derive_uid("study-cr"), derive_uid("packed")
(OUR_PORT,) = free_ports(1)
WAYS = ("c-move", "c-get", "dicomweb")


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    """An archive with three studies, one of them compressed."""
    directory = tmp_path_factory.mktemp("orthanc")
    us = {"varsel": {"AET": "VARSEL", "Host": "127.0.0.1", "Port": OUR_PORT}}
    peer = start_orthanc(directory, modalities=us)
    paths = write([*ct_series(4), cr_image()], directory / "files")
    (packed,) = write(ct_series(1, study="packed"), directory / "packed")
    assert run_dcmtk("dcmcjpeg", ["+e1", packed, packed]).returncode == 0
    for path in (*paths, packed):
        peer.rest.post("/instances", content=path.read_bytes()).raise_for_status()
    yield peer
    peer.stop()


@pytest.fixture
def inbox() -> MemoryInbox:
    return MemoryInbox()


@pytest.fixture
def source(
    request: pytest.FixtureRequest, orthanc: OrthancPeer, inbox: MemoryInbox, tmp_path: Path
) -> Iterator[StudySource]:
    """The archive, reached in one of three ways; what comes lands in *inbox*."""
    spool = Spool(tmp_path / "spool")
    neck = Neck(inbox, spool, SilentObserver())
    if request.param == "dicomweb":
        yield WebSource(WebAddress(url=orthanc.dicomweb_url), neck, inbox, tmp_path / "fetched")
    elif request.param == "c-get":
        yield GetSource(address(orthanc), neck, inbox)
    else:
        scp = StoreScp(StoreScpSettings(port=OUR_PORT), inbox, spool, SilentObserver())
        scp.start()
        yield MoveSource(address(orthanc), "VARSEL")
        scp.stop()


def address(orthanc: OrthancPeer) -> DicomAddress:
    return DicomAddress(
        host="127.0.0.1", port=orthanc.dicom_port, ae_title="TESTPACS", acse_timeout_seconds=5, dimse_timeout_seconds=10
    )


every_way = pytest.mark.parametrize("source", WAYS, indirect=True)


@every_way
def test_a_study_comes_whole_and_its_end_is_noted(source: StudySource, inbox: MemoryInbox) -> None:
    heard: list[int] = []
    retrieved = source.retrieve(CT_STUDY, heard.append)
    assert (retrieved.completed, retrieved.failed) == (4, 0)
    assert {arrival.header.study_instance_uid for arrival in inbox.arrivals.values()} == {CT_STUDY}
    assert len(inbox.arrivals) == 4
    assert heard[-1] == 4
    assert inbox.wait_for_end()


@pytest.mark.parametrize("source", ["c-move", "dicomweb"], indirect=True)
def test_a_compressed_object_comes_as_the_archive_keeps_it(source: StudySource, inbox: MemoryInbox) -> None:
    assert source.retrieve(PACKED_STUDY, lambda _: None).completed == 1
    (arrival,) = inbox.arrivals.values()
    assert read_header(arrival.path).instance.transfer_syntax_uid == "1.2.840.10008.1.2.4.70"


@pytest.mark.parametrize("source", ["c-get"], indirect=True)
def test_a_compressed_object_comes_by_c_get_with_its_pixels(source: StudySource, inbox: MemoryInbox) -> None:
    # Which of the accepted syntaxes is used is the archive's choice: Orthanc 1.10 unpacks.
    assert source.retrieve(PACKED_STUDY, lambda _: None).completed == 1
    (arrival,) = inbox.arrivals.values()
    (packed,) = ct_series(1, study="packed")
    assert (dcmread(arrival.path).pixel_array == packed.pixel_array).all()


@every_way
@pytest.mark.parametrize(
    ("query", "found"),
    [
        (StudyQuery(), {CT_STUDY, CR_STUDY, PACKED_STUDY}),
        (StudyQuery(study_uid=CR_STUDY), {CR_STUDY}),
        (StudyQuery(modality="CR"), {CR_STUDY}),
        (StudyQuery(date_from="20260101", date_to="20260103"), {CT_STUDY, CR_STUDY, PACKED_STUDY}),
        (StudyQuery(date_from="20270101"), set()),
        (StudyQuery(patient_id="PID-0001", modality="CR"), {CR_STUDY}),
    ],
    ids=["all", "uid", "modality", "dates", "later", "patient"],
)
def test_studies_are_found(source: StudySource, query: StudyQuery, found: set[str]) -> None:
    assert {one.study_uid for one in source.find(query)} == found


@every_way
def test_no_more_are_found_than_asked_for(source: StudySource) -> None:
    assert len(source.find(StudyQuery(limit=2))) == 2


@every_way
def test_the_archive_says_how_many_objects_a_study_has(source: StudySource) -> None:
    (found,) = source.find(StudyQuery(study_uid=CT_STUDY))
    assert found.instances == 4


@every_way
def test_a_study_that_the_archive_does_not_hold_does_not_come(source: StudySource, inbox: MemoryInbox) -> None:
    # Orthanc ends C-MOVE and C-GET of nothing in success, and WADO-RS in 404.
    with contextlib.suppress(RejectedError):
        assert source.retrieve(derive_uid("nothing"), lambda _: None).completed == 0
    assert inbox.arrivals == {}


def test_an_archive_that_does_not_know_us_says_what_to_do(orthanc: OrthancPeer) -> None:
    with pytest.raises(RejectedError, match=r"does not know|refused"):
        MoveSource(address(orthanc), "NOBODY").retrieve(CT_STUDY, lambda _: None)


# pynetdicom leaves the socket of a refused connection to the garbage collector.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("way", WAYS)
def test_an_archive_that_is_away_is_told_as_such(way: str, tmp_path: Path, inbox: MemoryInbox) -> None:
    (port,) = free_ports(1)
    gone = DicomAddress(host="127.0.0.1", port=port, ae_title="GONE", connect_timeout_seconds=1)
    neck = Neck(inbox, Spool(tmp_path), SilentObserver())
    sources: dict[str, StudySource] = {
        "c-move": MoveSource(gone, "VARSEL"),
        "c-get": GetSource(gone, neck, inbox),
        "dicomweb": WebSource(WebAddress(url=f"http://127.0.0.1:{port}"), neck, inbox, tmp_path / "fetched"),
    }
    with pytest.raises(UnreachableError):
        sources[way].retrieve(CT_STUDY, lambda _: None)
    with pytest.raises(UnreachableError):
        sources[way].find(StudyQuery())


def test_an_archive_that_never_answers_is_given_up(tmp_path: Path, inbox: MemoryInbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        neck = Neck(inbox, Spool(tmp_path), SilentObserver())
        source = WebSource(WebAddress(url=url, timeout_seconds=0.3), neck, inbox, tmp_path / "fetched")
        with pytest.raises(UnreachableError, match="ReadTimeout"):
            source.retrieve(CT_STUDY, lambda _: None)


# -------------------------------------------------------------------------------------------------- varsel pull


@pytest.fixture
def site(orthanc: OrthancPeer, tmp_path: Path) -> Path:
    path = tmp_path / "varsel.toml"
    path.write_text(
        f"""
[site]
data_dir = "{tmp_path / "data"}"
[receive]
minimum_free_mib = 1
[[archives]]
name = "pacs"
by = "dicomweb"
url = "{orthanc.dicomweb_url}"
studies_per_minute = 0
[[archives]]
name = "gone"
by = "c-get"
host = "127.0.0.1"
port = 1
"""
    )
    return path


def run(site: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["pull", *arguments], obj=Invocation(settings_path=site))
    return result.exit_code, result.output


def database(site: Path) -> Engine:
    return open_database(f"sqlite:///{site.parent / 'data' / 'varsel.db'}")


def test_pull_fetches_what_matches_and_skips_it_the_second_time(site: Path) -> None:
    code, said = run(site, "pacs", "--from", "20260101", "--to", "20260131", "--modality", "CT")
    assert code == 0, said
    assert "2 studies: 2 fetched, 0 here" in said
    engine = database(site)
    with reading(engine) as connection:
        assert len(connection.execute(select(INSTANCE)).all()) == 5
        hints = connection.execute(select(PRIORITY_HINT)).all()
    engine.dispose()
    # Old studies wait behind everything else.
    assert {(hint.study_uid, hint.priority) for hint in hints} == {(CT_STUDY, 3), (PACKED_STUDY, 3)}

    code, said = run(site, "pacs", "--study", CT_STUDY, "--study", CR_STUDY)
    assert code == 0, said
    assert "2 studies: 1 fetched, 1 here" in said


def test_pull_fetches_what_else_the_archive_has_of_a_patient(site: Path) -> None:
    assert run(site, "pacs", "--study", CT_STUDY)[0] == 0
    code, said = run(site, "pacs", "--priors-of", CT_STUDY)
    assert code == 0, said
    assert "2 studies: 2 fetched, 0 here" in said
    assert "PID-0001" not in said


@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["nowhere", "--limit", "1"], 2, "known: gone, pacs"),
        (["pacs"], 2, "say which studies"),
        (["pacs", "--priors-of", CT_STUDY], 1, "nothing of study"),
        (["pacs", "--study", "../x"], 2, "no Study Instance UID"),
        (["pacs", "--from", "2026"], 2, "no date"),
        (["pacs", "--study", derive_uid("nothing")], 1, "holds no such study"),
        (["gone", "--limit", "1"], 1, "No association"),
    ],
)
def test_pull_says_what_is_wrong(site: Path, arguments: list[str], code: int, words: str) -> None:
    ended, said = run(site, *arguments)
    assert ended == code, said
    assert words in " ".join(said.split())
