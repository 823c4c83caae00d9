"""The code of today goes on with what the previous release had in flight, on PostgreSQL and node by node."""

import hashlib
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic import command
from factories.deliveries import report_and_picture
from factories.dicom import write
from factories.releases import make_release
from peers import OrthancPeer, free_ports, running_orthanc
from postgresql_server import postgresql
from pydicom.dataset import Dataset
from running_site import RunningSite, running_site
from sqlalchemy import Engine, make_url, select, update
from test_imaging_line import chest, in_orthanc

from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import StoreScu
from models.manifest import Task
from serving.records import audit
from serving.records.database import open_database, reading, writing
from serving.records.migrate import _config, migrate
from serving.records.schema import AUDIT, DELIVERY, INSTANCE, RESULT, STUDY, WORK_ITEM

DUMP = Path(__file__).parent / "previous_release" / "revision-0007.sql"
#: Studies that were to be analysed, and names of those whose results were on their way.
ANALYSED = ("running-1", "running-2", "running-3", "waiting", "queued")
SENT = ("accepted", "silent", "begun", "fresh")
#: The old nodes say nothing more, and the new ones take over after this.
SILENCE = {"VARSEL_WORK__SILENCE_SECONDS": "4"}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    if shutil.which("psql") is None:
        pytest.skip("psql is not installed (apt-get install postgresql-client)")
    with postgresql() as address:
        yield address


@contextmanager
def database_named(url: str, name: str) -> Iterator[str]:
    """The URL of an empty database of its own on the server at *url*."""
    server = open_database(url)
    with server.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    server.dispose()
    yield f"{url.rsplit('/', 1)[0]}/{name}"


def put_back(url: str, site: Path) -> None:
    """The database that the previous release left, for a site in *site*."""
    digest = make_release(site / "releases", Task.IMAGE_CLASSIFICATION).digest
    text = DUMP.read_text(encoding="utf-8").replace("@SITE@", str(site)).replace("@RELEASE@", digest)
    parsed = make_url(url)
    where = ["-h", str(parsed.host), "-p", str(parsed.port), "-U", str(parsed.username), "-d", str(parsed.database)]
    told = ["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *where]
    subprocess.run(told, input=text, text=True, check=True, stdout=subprocess.DEVNULL, timeout=60)


def write_files(site: Path) -> dict[str, list[Path]]:
    """What the tables of the dump name, on disk again; name of a case -> its result objects."""
    spool = site / "spool"
    spool.mkdir(parents=True)
    for name in (*ANALYSED, "open"):
        chest(name).save_as(spool / f"{name}.dcm", enforce_file_format=True)
    return {name: write(report_and_picture(name).values(), site / "sent" / name) for name in SENT}


def study_of(name: str) -> str:
    image: Dataset = next(iter(report_and_picture(name).values())) if name in SENT else chest(name)
    return str(image.StudyInstanceUID)


def all_states(site: RunningSite) -> dict[str, str]:
    return {item.case_id: item.state for item in site.items()}


def move(engine: Engine, revision: str) -> None:
    with engine.connect() as connection:
        (command.downgrade if revision == "-1" else command.upgrade)(_config(connection), revision)
        connection.commit()


def rows_of(engine: Engine) -> dict[str, list[object]]:
    """What must live through every move: identities, states and the log."""
    kept = {
        "items": select(WORK_ITEM.c.id, WORK_ITEM.c.state, WORK_ITEM.c.attempts).order_by(WORK_ITEM.c.id),
        "deliveries": select(DELIVERY.c.id, DELIVERY.c.state, DELIVERY.c.attempts).order_by(DELIVERY.c.id),
        "objects": select(RESULT.c.sop_instance_uid, RESULT.c.sha256).order_by(RESULT.c.sop_instance_uid),
        "instances": select(INSTANCE.c.sop_instance_uid).order_by(INSTANCE.c.id),
        "log": select(AUDIT.c.hash).order_by(AUDIT.c.sequence),
    }
    with reading(engine) as connection:
        return {name: list(connection.execute(query)) for name, query in kept.items()}


def test_the_files_of_the_dump_can_be_made_again(tmp_path: Path):
    """Their identities, and the bytes of what is sent, are those that the tables of the previous release name."""
    text = DUMP.read_text(encoding="utf-8")
    for files in write_files(tmp_path).values():
        assert all(hashlib.sha256(path.read_bytes()).hexdigest() in text for path in files)
    assert all(study_of(name) in text for name in (*ANALYSED, "open"))


def test_the_tables_go_forward_and_one_step_back_with_work_in_flight(url: str, tmp_path: Path):
    with database_named(url, "moves") as own:
        put_back(own, tmp_path)
        engine = open_database(own)
        before = rows_of(engine)
        migrate(engine)
        forward = rows_of(engine)
        move(engine, "-1")
        move(engine, "head")
        again = rows_of(engine)
        engine.dispose()

    assert len(before["items"]) == 9
    assert forward == again == before


@pytest.fixture
def orthanc(tmp_path: Path) -> Iterator[OrthancPeer]:
    with running_orthanc(tmp_path / "orthanc") as peer:
        yield peer


def test_three_nodes_are_upgraded_one_by_one_and_finish_what_the_old_ones_had_begun(
    url: str, orthanc: OrthancPeer, tmp_path: Path
):
    with (
        database_named(url, "rolling") as own,
        running_site(
            tmp_path / "site", pacs_port=orthanc.dicom_port, start=(), environment=SILENCE, database_url=own
        ) as site,
    ):
        data = site.directory / "data"
        put_back(own, data)
        objects = write_files(data)
        address = DicomAddress(
            host="127.0.0.1", port=orthanc.dicom_port, ae_title=orthanc.ae_title, calling_ae_title="OLD"
        )
        # These the old nodes had brought to the archive, the latter without hearing of it.
        StoreScu(address).send([*objects["accepted"], *objects["silent"]])
        site.start("api")

        first, second, third = free_ports(3)
        site.start_node(1, str(first))
        with writing(site.engine) as connection:
            connection.execute(
                update(STUDY).where(STUDY.c.study_uid == study_of("open")).values(due_at=STUDY.c.first_arrival_at)
            )
        site.start_node(2, str(second))
        site.start_node(3, str(third))
        studies = {study_of(name) for name in (*ANALYSED, "open")}
        items = {f"item-{name}" for name in SENT}
        site.wait(lambda: studies <= all_states(site).keys(), "the open study is closed", 30)
        site.wait(lambda: set(all_states(site).values()) == {"done"}, "everything in flight has come to its end", 90)
        delivered = {one.state for one in site.deliveries()}
        known = {item.id for item in site.items()}
        log_is_whole = audit.first_broken_link(site.engine) is None

    held = {study: [one.SOPInstanceUID for one in in_orthanc(orthanc, study)] for study in studies}
    sent = {name: [one.SOPInstanceUID for one in in_orthanc(orthanc, study_of(name))] for name in SENT}
    assert delivered == {"accepted"}
    assert log_is_whole
    assert items <= known
    assert {study: len(set(uids)) for study, uids in held.items()} == dict.fromkeys(studies, 2)
    assert all(len(uids) == 2 for uids in (*held.values(), *sent.values()))
