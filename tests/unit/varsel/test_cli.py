"""The command line: every command has help with an example, and exit codes mean what they say."""

import gc
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from factories.dicom import cr_image, write
from sqlalchemy import Engine, insert, text, update
from typer.testing import CliRunner, Result

from dicom_io.receive.archive import EmbeddedArchive
from dicom_io.receive.store_scp import StoreScpSettings
from serving.records.audit import append
from serving.records.database import open_database, reading, writing
from serving.records.fence import under
from serving.records.leases import take
from serving.records.migrate import migrate
from serving.records.schema import AUDIT, REFUSAL, WORK_ITEM
from varsel.cli import app


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the tables of this version, made once."""
    path = tmp_path_factory.mktemp("tables") / "varsel.db"
    made = open_database(f"sqlite:///{path}")
    migrate(made)
    made.dispose()
    return path


@pytest.fixture
def engine(tmp_path: Path, tables: Path) -> Iterator[Engine]:
    """The database of the site in *tmp_path*."""
    (tmp_path / "data").mkdir()
    shutil.copy(tables, tmp_path / "data" / "varsel.db")
    opened = open_database(f"sqlite:///{tmp_path / 'data' / 'varsel.db'}")
    yield opened
    opened.dispose()


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_help_explains_the_exit_codes():
    assert "3 partly done" in run("--help").output


def test_an_unknown_command_is_wrong_use():
    assert run("fly").exit_code == 2


def test_a_command_of_the_training_part_says_how_that_is_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, "training.parallel", raising=False)
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = run("train", "chest_xray_opacity")
    assert (answer.exit_code, "pip install 'varsel[training]'" in answer.stderr) == (1, True)


def test_a_terminal_without_danish_letters_gets_an_answer():
    probe = "import sys; from varsel.cli import main; sys.argv = ['varsel', '--help']; main()"
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=environment, check=False)
    assert (answer.returncode, answer.stderr) == (0, "")
    assert "Exit codes" in answer.stdout


def test_help_and_status_load_no_model_library():
    """Seconds of import would be paid at every glance."""
    probe = (
        "import sys; from varsel.cli import app; from typer.testing import CliRunner; "
        "CliRunner().invoke(app, ['--help']); CliRunner().invoke(app, ['status']); "
        "print([name for name in ('torch', 'monai', 'mlflow', 'onnxruntime', 'bentoml') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_settings_that_cannot_be_are_explained_and_are_wrong_use(tmp_path: Path):
    settings = tmp_path / "varsel.toml"
    settings.write_text("[receive]\nport = 99999\nspeed = 1\n")
    answer = run("--settings", settings, "status")
    assert answer.exit_code == 2
    assert "receive.port" in answer.stderr
    assert "receive.speed" in answer.stderr


def test_a_settings_file_that_is_not_there_is_wrong_use(tmp_path: Path):
    assert run("--settings", tmp_path / "none.toml", "check").exit_code == 2


def test_status_makes_no_database(tmp_path: Path):
    settings = site(tmp_path)
    answer = run("--settings", settings, "status")
    assert answer.exit_code == 1
    assert "varsel up" in answer.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "command", [("feed", "list"), ("feed", "replay", "1"), ("surveillance", "report", "2026-02", "--out", "x.pdf")]
)
def test_to_look_at_a_site_that_is_not_there_makes_none(tmp_path: Path, command: tuple[str, ...]):
    answer = run("--settings", site(tmp_path), *command)
    assert (answer.exit_code, "varsel up" in answer.stderr, (tmp_path / "data").exists()) == (1, True, False)


@pytest.mark.parametrize(
    ("revision", "told"), [("0001", "tables of an earlier version; start the site"), ("9999", "by a later version")]
)
def test_a_database_of_another_version_is_told_and_left_as_it_is(
    tmp_path: Path, engine: Engine, revision: str, told: str
):
    settings = site(tmp_path)
    with writing(engine) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})

    answer = run("--settings", settings, "status")

    assert (answer.exit_code, told in answer.stderr) == (1, True)
    with reading(engine) as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == revision


def test_a_file_that_cannot_be_written_is_told_without_a_trace(tmp_path: Path):
    answer = run("--settings", site(tmp_path), "dicom", "conformance", "--out", tmp_path)
    assert (answer.exit_code, str(tmp_path) in answer.stderr) == (1, True)


def test_a_worker_started_twice_by_mistake_does_not_take_the_lease_of_the_first(tmp_path: Path, engine: Engine):
    with writing(engine) as connection:
        first = take(connection, "node-1")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = site(tmp_path)
        settings.write_text(f"{settings.read_text()}[work]\nmetrics_port = {taken.getsockname()[1]}\n")
        answer = run("--settings", settings, "work")
    assert (answer.exit_code, "work.metrics_port" in answer.stderr) == (2, True)
    with writing(under(engine, first)):
        """Fenced here, had the second worker taken it."""


def test_a_site_started_twice_by_mistake_does_not_take_the_first_ones_answers_for_its_own(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = site(tmp_path)
        settings.write_text(f"{settings.read_text()}[api]\nport = {taken.getsockname()[1]}\n")
        answer = run("--settings", settings, "up")
    assert (answer.exit_code, "api.port" in answer.stderr, (tmp_path / "data").exists()) == (2, True, False)


def test_the_audit_log_is_found_whole_or_broken(tmp_path: Path, engine: Engine):
    settings = site(tmp_path)
    assert "empty" in run("--settings", settings, "audit").stdout
    for subject in ("one", "two"):
        with writing(engine) as connection:
            append(connection, "decided", subject, {"by": "somebody"})
    whole = run("--settings", settings, "audit")
    assert (whole.exit_code, "unbroken up to record 2" in whole.stdout) == (0, True)
    with writing(engine) as connection:
        connection.execute(update(AUDIT).where(AUDIT.c.sequence == 1).values(subject="another"))
    broken = run("--settings", settings, "audit")
    assert (broken.exit_code, "record 1 of the audit log was altered" in broken.stderr) == (1, True)


def test_only_a_node_that_runs_is_drained(tmp_path: Path, engine: Engine):
    settings = site(tmp_path)
    with writing(engine) as connection:
        take(connection, "node-1")
    wrong = run("--settings", settings, "work", "drain", "--node", "node-2")
    assert (wrong.exit_code, "running: node-1" in " ".join(wrong.stderr.split())) == (2, True)
    assert run("--settings", settings, "work", "drain", "--node", "node-1").exit_code == 0


@pytest.mark.parametrize(("language", "unit"), [("en", "All units"), ("da", "Alle afdelinger")])
@pytest.mark.usefixtures("engine")
def test_the_monthly_report_speaks_the_language_of_the_site(tmp_path: Path, language: str, unit: str):
    settings, out = site(tmp_path), tmp_path / "february.csv"
    settings.write_text(f'{settings.read_text()}language = "{language}"\n')
    assert (
        run("--settings", settings, "surveillance", "report", "2026-02", "--form", "csv", "--out", out).exit_code == 0
    )
    assert unit in out.read_text(encoding="utf-8-sig")


def test_the_version_is_told():
    assert run("--version").stdout.startswith("varsel ")


def test_what_a_sender_calls_itself_is_not_taken_for_markup(tmp_path: Path, engine: Engine):
    settings = site(tmp_path)
    with writing(engine) as connection:
        row = {"door": "dicom", "source": "[/b]", "reason_code": "x", "reason": "[red]", "path": "", "case_id": ""}
        connection.execute(insert(REFUSAL).values(**row, at=datetime(2026, 1, 1, tzinfo=UTC)))
    shown = run("--settings", settings, "status").stdout
    assert "[/b]" in shown
    assert "[red]" in shown


@pytest.mark.usefixtures("engine")
def test_status_of_an_empty_site_is_empty(tmp_path: Path):
    settings = site(tmp_path)
    assert json.loads(run("--settings", settings, "status", "--json").stdout) == {"cases": [], "refusals": []}
    assert "No cases" in run("--settings", settings, "status").stdout


@pytest.mark.parametrize("address", ["localhost", "localhost:", ":104", "host:0", "host:70000", "host:x"])
def test_an_address_without_host_and_port_is_wrong_use(tmp_path: Path, address: str):
    assert run("send", tmp_path, address).exit_code == 2


@pytest.mark.parametrize("title", ["", "SEVENTEEN LETTERS", " PACS", "PAC\\S"])
def test_what_is_no_ae_title_is_wrong_use(tmp_path: Path, title: str):
    (tmp_path / "image.dcm").write_bytes(b"")
    assert run("send", tmp_path, "127.0.0.1:1", "--called-ae", title).exit_code == 2


def test_an_empty_folder_is_wrong_use(tmp_path: Path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "site.key").write_bytes(b"k" * 32)
    key = ("--key-file", tmp_path / "site.key", "--out", tmp_path / "out")
    assert run("send", tmp_path / "empty", "127.0.0.1:1").exit_code == 2
    assert run("dicom", "deidentify", tmp_path / "empty", *key).exit_code == 2


@pytest.mark.parametrize(
    "command",
    [("work", "list", "--state", "lost"), ("work", "withdraw", "2.25.7", "--reason", " "), ("pull", "no-such-archive")],
)
@pytest.mark.usefixtures("engine")
def test_an_argument_that_cannot_be_is_wrong_use(tmp_path: Path, command: tuple[str, ...]):
    settings = site(tmp_path)
    assert run("--settings", settings, *command).exit_code == 2


def test_sending_some_files_of_a_folder_is_partly_done_and_lists_the_rest(tmp_path: Path):
    odd = cr_image()
    odd.SOPInstanceUID = odd.file_meta.MediaStorageSOPInstanceUID = "1.2.20260102.181500"
    (path,) = write([odd], tmp_path / "in")
    # pydicom would warn of it on the terminal, which is an error here.
    path.write_bytes(path.read_bytes().replace(b".181500", b".081500"))
    (tmp_path / "in" / "notes.txt").write_text("not DICOM")
    archive = EmbeddedArchive(StoreScpSettings(port=0, ae_title="PACS"), tmp_path / "archive")
    archive.start()
    try:
        answer = run("send", tmp_path / "in", f"127.0.0.1:{archive.port}", "--called-ae", "PACS")
    finally:
        archive.stop()
    assert answer.exit_code == 3
    assert "notes.txt" in answer.stdout
    assert "1 of 2 files were sent" in answer.stdout
    assert len(archive.list_studies()) == 1


# pynetdicom forgets to close the socket of a connection that was refused.
@pytest.mark.filterwarnings("ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning")
def test_sending_where_nobody_listens_fails(tmp_path: Path):
    write([cr_image()], tmp_path)
    assert run("send", tmp_path, "127.0.0.1:1").exit_code == 1
    gc.collect()


@pytest.mark.parametrize("setting", ["max_epochs", "=3", "max_epochs=[1"])
def test_an_override_that_is_no_key_and_value_is_wrong_use(setting: str):
    assert run("train", "chest_xray_opacity", "--set", setting).exit_code == 2


def test_a_region_is_written_with_its_truth(tmp_path: Path):
    assert run("synthesize", "region", "--beds", "24", "--days", "3", "--out", tmp_path).exit_code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"fhir", "hl7", "truth.csv", "wards.json"}
    assert run("synthesize", "region", "--beds", "24").exit_code == 2


@pytest.mark.parametrize(
    ("kind", "pattern", "files"), [("xray", "*/*.dcm", 2), ("ct", "*/*.dcm", 80), ("stays", "*.json", 2)]
)
def test_synthesize_writes_what_was_asked_for(tmp_path: Path, kind: str, pattern: str, files: int):
    assert run("synthesize", kind, "--count", "2", "--out", tmp_path).exit_code == 0
    assert len(list(tmp_path.glob(pattern))) == files


def site(directory: Path) -> Path:
    settings = directory / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(directory / 'data'))}\n")
    return settings


def failed_case(study: str) -> dict[str, object]:
    """The row of a work item that was put aside."""
    times = dict.fromkeys(("not_before", "created_at", "input_at"), datetime(2026, 1, 1, tzinfo=UTC))
    release = {"rule": "chest", "model": "chest_xray_opacity", "model_version": "0.1.0", "release_digest": "a" * 64}
    ending = {"outcome": "failed", "reason_code": "UnreachableError", "reason": "the PACS is down"}
    case = {"id": "2.25.7", "kind": "imaging", "case_id": study, "generation": 1, "priority": 2, "state": "failed"}
    return case | release | ending | times


def test_status_tells_how_a_failed_case_is_tried_again(tmp_path: Path, engine: Engine):
    settings = site(tmp_path)
    with writing(engine) as connection:
        connection.execute(insert(WORK_ITEM).values(**failed_case("1.2.3")))
    (case,) = json.loads(run("--settings", settings, "status", "--json").stdout)["cases"]
    assert (case["state"], case["reason"], case["model"]) == ("failed", "the PACS is down", "chest_xray_opacity")
    assert "varsel work retry 2.25.7" in run("--settings", settings, "status").stdout


@pytest.mark.parametrize("command", [("status",), ("work", "list", "--all")])
def test_what_is_there_to_be_copied_is_not_broken_on_a_narrow_terminal(
    tmp_path: Path, engine: Engine, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
):
    settings, study = site(tmp_path), f"2.25.{'1' * 39}"
    with writing(engine) as connection:
        connection.execute(insert(WORK_ITEM).values(**failed_case(study)))
    monkeypatch.setenv("COLUMNS", "40")
    assert study in run("--settings", settings, *command).stdout
