"""The demonstration, run as a newcomer runs it."""

import json
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from factories.dicom import cr_image, write
from playwright.sync_api import Browser, expect
from pydicom import dcmread

from dicom_io.headers import read_header

pytestmark = pytest.mark.slow

#: Case -> what may come of it.
REQUIRED = {
    "real-xray": {"finding", "no_finding"},
    "xray-opacity": {"finding"},
    "xray-clear": {"no_finding"},
    "ct-nodules": {"finding"},
    "ultrasound": {"not_analysed"},
    "truncated": {"not_analysed"},
    "not-dicom": {"refused"},
    "stay-high": {"finding"},
    "stay-low": {"no_finding"},
}


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run that has ended."""

    #: Where it ran.
    directory: Path
    #: Exit code.
    code: int
    #: Standard output.
    said: str
    #: demo.json.
    report: dict[str, Any]

    @property
    def cases(self) -> dict[str, dict[str, Any]]:
        """Cases of the report by key."""
        return {case["key"]: case for case in self.report["cases"]}


def run_demo(directory: Path) -> Run:
    """Run ``varsel demo --once`` in *directory*, which begins empty."""
    done = subprocess.run(
        [sys.executable, "-m", "varsel", "demo", "--once", "--dir", directory],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert (directory / "demo.json").is_file(), done.stderr
    report = json.loads((directory / "demo.json").read_text(encoding="utf-8"))
    return Run(directory=directory, code=done.returncode, said=done.stdout, report=report)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_demo(tmp_path_factory.mktemp("demo"))


def test_every_case_comes_out_as_it_must(demo: Run):
    assert {key: case["faults"] for key, case in demo.cases.items() if case["faults"]} == {}
    assert {key for key, case in demo.cases.items() if case["answer"] not in REQUIRED[key]} == set()
    assert demo.cases.keys() == REQUIRED.keys()
    assert demo.code == 0


def test_every_result_object_is_in_the_pacs(demo: Run):
    imaging = [case for case in demo.cases.values() if case.get("status", {}).get("model") and case["in_pacs"]]
    assert len(imaging) == 5
    assert all(all(case["in_pacs"].values()) for case in imaging)


def test_every_finding_in_an_image_has_a_picture(demo: Run):
    found = [case for case in demo.cases.values() if case["answer"] == "finding" and case["in_pacs"]]
    assert found
    assert all(Path(case["picture"]).is_file() for case in found)


def test_the_stay_with_an_infection_has_the_higher_risk(demo: Run):
    assert demo.cases["stay-high"]["status"]["risk"] > demo.cases["stay-low"]["status"]["risk"]


def test_the_report_names_models_and_versions(demo: Run):
    assert {len(model["digest"]) for model in demo.report["models"].values()} == {64}
    assert "varsel" in demo.report["versions"]


def test_nothing_is_left_running(demo: Run):
    assert _commands_with(demo.directory) == []


def test_the_pages_show_each_case_with_its_finding_drawn(demo: Run, browser: Browser):
    with _pages_of(demo) as address:
        page = browser.new_page(locale="en-GB")
        page.goto(address)
        # The truncated and the unknown study have a row each too; what was refused at the door has a page of its own.
        expect(page.locator("tbody tr")).to_have_count(len(REQUIRED) - 1)
        for case in demo.cases.values():
            if case["answer"] == "finding" and case["in_pacs"]:
                page.goto(f"{address}/cases/{case['status']['work_item_id']}")
                picture = page.locator("section.picture img")
                expect(picture).to_be_visible()
                assert picture.evaluate("image => image.naturalWidth") > 400
        page.goto(f"{address}/refusals")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.close()


def test_no_patient_is_told_in_logs_or_mlflow(demo: Run):
    sent = (path for path in (demo.directory / "inputs").rglob("*.dcm") if "not-dicom" not in path.parts)
    stays = [case["case_id"] for case in demo.cases.values() if case["key"].startswith("stay-")]
    marks = {mark for header in map(read_header, sent) for mark in (header.patient_name, header.patient_id)} | set(
        stays
    )
    told = [path.read_text(errors="replace") for path in (demo.directory / "data" / "logs").iterdir()]
    told.append((demo.directory / "data" / "mlflow.db").read_bytes().decode(errors="replace"))

    assert marks
    assert [mark for mark in marks if len(mark) > 5 and any(mark in text for text in told)] == []


def test_a_run_on_own_files_without_orthanc_tells_it_in_danish_and_stops_on_ctrl_c(demo: Run, tmp_path: Path):
    """An archive of our own takes the PACS's place, and says so; the models lie there from the run before."""
    write([cr_image(study="own")], tmp_path / "mine")
    options = ("--dir", demo.directory, "--data", tmp_path / "mine", "--embedded-archive", "--language", "da")
    process = subprocess.Popen(
        [sys.executable, "-m", "varsel", "demo", *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    said = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith("Alt bliver kørende"):
                break
        assert said[-1].startswith("Alt bliver kørende"), said
        assert _commands_with(demo.directory)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=180) == 0
    finally:
        process.kill()
        process.communicate()
    assert _commands_with(demo.directory) == []
    report = json.loads((demo.directory / "demo.json").read_text(encoding="utf-8"))
    (case,) = report["cases"]
    assert case["answer"] in {"finding", "no_finding", "not_analysed"}
    assert all(case["in_pacs"].values())
    assert report["pacs"] == "embedded archive"
    assert "indbygget arkiv" in "".join(said)
    stored = [dcmread(path, stop_before_pixels=True) for path in (demo.directory / "pacs" / "archive").rglob("*.dcm")]
    assert {str(one.StudyInstanceUID) for one in stored} == {case["case_id"]}


@contextmanager
def _pages_of(demo: Run) -> Iterator[str]:
    """The pages of a run that has ended, at their own address again."""
    settings = demo.directory / "varsel.toml"
    port = tomllib.loads(settings.read_text())["web"]["port"]
    command = [sys.executable, "-m", "varsel", "--settings", str(settings), "web"]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 60
        while not _answers(f"{address}/readyz"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def _commands_with(directory: Path) -> list[str]:
    """Command lines of running processes that name *directory*."""
    commands = [" ".join(one.info["cmdline"] or ()) for one in psutil.process_iter(["cmdline"])]
    return [command for command in commands if str(directory) in command]
