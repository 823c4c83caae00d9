"""``varsel check`` finds every fault and starts nothing."""

import gc
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from factories.releases import make_release
from peers import free_ports
from sqlalchemy import text
from typer.testing import CliRunner

from dicom_io.receive.archive import EmbeddedArchive
from dicom_io.receive.store_scp import StoreScpSettings
from models.manifest import GuardDemand, Task
from serving.records.database import open_database, writing
from serving.settings.file import Settings
from varsel.cli import app
from varsel.fault import Fault, Weight
from varsel.faults import find_faults

#: pynetdicom forgets to close the socket of a connection that was refused.
LEAVES_SOCKET = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)
RULE = {"name": "chest", "model": "chest_xray_opacity"}


def settings(directory: Path, **sections: object) -> Settings:
    """Settings whose ports are free."""
    receive, receive_metrics, work_metrics, api, web = free_ports(5)
    return Settings.model_validate(
        {
            "site": {"data_dir": directory / "data"},
            "receive": {"port": receive, "metrics_port": receive_metrics, "minimum_free_mib": 1},
            "work": {"metrics_port": work_metrics},
            "api": {"port": api},
            "web": {"port": web},
            **sections,
        }
    )


def faults(chosen: Settings) -> dict[str, Fault]:
    return {fault.where: fault for fault in find_faults(chosen)}


def test_a_sound_site_has_no_faults(tmp_path: Path):
    make_release(tmp_path / "data" / "releases", Task.IMAGE_CLASSIFICATION)
    with archive(tmp_path) as port:
        destination = {"name": "pacs", "host": "127.0.0.1", "port": port, "ae_title": "PACS"}
        assert faults(settings(tmp_path, rules=[RULE], destinations=[destination])) == {}


def test_a_certificate_of_the_door_that_is_missing_is_named(tmp_path: Path):
    chosen = settings(tmp_path)
    files = dict.fromkeys(("certificate", "key", "trusted"), tmp_path / "absent.pem")
    tls = Settings.model_validate({"receive": {"tls": files}}).receive.tls
    receive = chosen.receive.model_copy(update={"tls": tls})
    found = faults(chosen.model_copy(update={"receive": receive}))["receive.tls"]
    assert found.weight is Weight.FAULT
    assert "absent.pem" in found.what


def test_a_taken_port_is_named(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        chosen = settings(tmp_path, web={"port": taken.getsockname()[1]})
        found = faults(chosen)["web.port"]
    assert found.weight is Weight.FAULT
    assert "in use" in found.what


def test_a_port_given_twice_is_named(tmp_path: Path):
    (port,) = free_ports(1)
    found = faults(settings(tmp_path, web={"port": port}, api={"port": port}))
    assert "api.port" in found["web.port"].what


def test_an_address_of_another_machine_is_a_fault(tmp_path: Path):
    assert "cannot be listened on" in faults(settings(tmp_path, web={"host": "192.0.2.1"}))["web.port"].what


def test_a_file_in_place_of_the_data_directory_is_a_fault(tmp_path: Path):
    (tmp_path / "data").write_text("")
    assert "no directory" in faults(settings(tmp_path))["site.data_dir"].what


def test_a_directory_that_may_not_be_looked_into_is_a_fault_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "data").mkdir()
    really_exists = Path.exists

    def exists(path: Path) -> bool:
        # Root, whom tests may run as, is refused nothing.
        if path.parent == tmp_path / "data":
            raise PermissionError(13, "Permission denied", str(path))
        return really_exists(path)

    monkeypatch.setattr(Path, "exists", exists)
    monkeypatch.setattr("varsel.faults._is_writable", lambda _: False)
    found = faults(settings(tmp_path))
    assert "cannot be written" in found["models.store_dir"].what
    assert "cannot be written" in found["site.data_dir"].what


def test_too_little_space_is_a_fault(tmp_path: Path):
    chosen = settings(tmp_path, receive={"minimum_free_mib": 10**12})
    assert "A700" in faults(chosen)["receive.minimum_free_mib"].what


def test_a_model_without_champion_is_a_fault(tmp_path: Path):
    found = faults(settings(tmp_path, rules=[RULE]))["rules.chest"]
    assert found.weight is Weight.FAULT
    assert "promote" in found.what


def test_a_damaged_release_is_a_fault(tmp_path: Path):
    release = make_release(tmp_path / "data" / "releases", Task.IMAGE_CLASSIFICATION)
    release.graph_path.chmod(0o644)
    release.graph_path.write_bytes(b"other")
    assert "altered" in faults(settings(tmp_path, rules=[RULE]))["rules.chest"].what


def test_a_model_whose_guard_is_not_there_is_a_fault(tmp_path: Path):
    demand = GuardDemand(model="image_guard", label="opacity", at_least=0.5)
    make_release(tmp_path / "data" / "releases", Task.IMAGE_CLASSIFICATION, guard=demand)
    assert "may only read pictures that 'image_guard'" in faults(settings(tmp_path, rules=[RULE]))["rules.chest"].what
    make_release(tmp_path / "data" / "releases", Task.IMAGE_CLASSIFICATION, name="image_guard")
    assert "rules.chest" not in faults(settings(tmp_path, rules=[RULE]))


def test_a_rule_of_the_wrong_kind_is_a_fault(tmp_path: Path):
    make_release(tmp_path / "data" / "releases", Task.STAY_RISK)
    found = faults(settings(tmp_path, rules=[{"name": "stays", "model": "infection_urinary"}]))
    assert 'kind = "stay"' in found["rules.stays.kind"].what


@LEAVES_SOCKET
def test_a_destination_that_does_not_answer_is_a_warning(tmp_path: Path):
    (port,) = free_ports(1)
    destination = {"name": "pacs", "host": "127.0.0.1", "port": port, "ae_title": "PACS"}
    assert faults(settings(tmp_path, destinations=[destination]))["destinations.pacs"].weight is Weight.WARNING
    gc.collect()


def test_a_database_out_of_reach_is_a_fault_and_its_password_is_not_told(tmp_path: Path):
    url = "postgresql+psycopg://varsel:s3cret@127.0.0.1:1/varsel"
    found = faults(settings(tmp_path, site={"data_dir": tmp_path, "database_url": url}))["site.database_url"]
    assert found.weight is Weight.FAULT
    assert "127.0.0.1:1/varsel" in found.what
    assert "s3cret" not in found.what


def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "varsel.db").write_bytes(b"no database" * 100)
    assert faults(settings(tmp_path))["site.database_url"].weight is Weight.FAULT


@pytest.mark.parametrize(("revision", "weight"), [("0001", Weight.WARNING), ("9999", Weight.FAULT)])
def test_tables_of_another_version_are_told_before_a_start(tmp_path: Path, revision: str, weight: Weight):
    engine = open_database(f"sqlite:///{tmp_path / 'data' / 'varsel.db'}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": revision})
    assert faults(settings(tmp_path))["site.database_url"].weight is weight


def test_the_ports_of_a_feed_that_runs_are_looked_at(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        feed = {"port": taken.getsockname()[1], "metrics_port": free_ports(1)[0]}
        assert "feed.port" in faults(settings(tmp_path, feed=feed | {"enabled": True}))
        assert "feed.port" not in faults(settings(tmp_path, feed=feed))


def test_the_command_says_how_many_faults_and_ends_as_wrong_use(tmp_path: Path):
    file = tmp_path / "varsel.toml"
    file.write_text("[web]\nport = 0\n[api]\nprt = 1\n")
    answer = CliRunner().invoke(app, ["--settings", str(file), "check"])
    assert answer.exit_code == 2
    assert "Faults to mend before a start: 2" in answer.stdout


@contextmanager
def archive(directory: Path) -> Iterator[int]:
    running = EmbeddedArchive(StoreScpSettings(port=0, ae_title="PACS"), directory / "archive")
    running.start()
    try:
        yield running.port
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("table", "destination"),
    [
        ("dicomweb_destinations", {"url": "http://127.0.0.1:{port}/dicom-web"}),
        ("hl7_destinations", {"host": "127.0.0.1", "port": "{port}"}),
        ("fhir_destinations", {"url": "http://127.0.0.1:{port}/r4"}),
        ("webhook_destinations", {"url": "http://127.0.0.1:{port}/hook", "secret_file": "secret"}),
    ],
)
def test_a_receiver_of_any_kind_that_does_not_answer_is_a_warning(
    tmp_path: Path, table: str, destination: dict[str, str]
):
    (port,) = free_ports(1)
    told = {"name": "there"} | {key: value.format(port=port) for key, value in destination.items()}

    found = faults(settings(tmp_path, **{table: [told]}))

    assert found["destinations.there"].weight is Weight.WARNING
    with socket.create_server(("127.0.0.1", port)):
        assert "destinations.there" not in faults(settings(tmp_path, **{table: [told]}))


def test_certificates_that_cannot_be_used_are_a_fault(tmp_path: Path):
    nowhere = str(tmp_path / "none.pem")
    tls = {"certificate": nowhere, "key": nowhere, "trusted": nowhere}
    told = {"name": "pacs", "host": "127.0.0.1", "port": 104, "ae_title": "PACS", "tls": tls}

    fault = faults(settings(tmp_path, destinations=[told]))["destinations.pacs.tls"]

    assert (fault.weight, "none.pem" in fault.what) == (Weight.FAULT, True)
