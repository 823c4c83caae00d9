"""``varsel dicom inspect`` says what a study is, what would be done with it, and why."""

import json
from pathlib import Path

import pytest
from factories.releases import make_release
from pydicom.dataset import Dataset
from typer.testing import CliRunner, Result

from models.manifest import Task
from tests.factories.dicom import cr_image, ct_series, structured_report, write
from tests.factories.dicom_pixels import enhanced_of
from varsel.cli import app
from varsel.exit_codes import ExitCode


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "varsel.toml"
    rules = "".join(
        f'[[rules]]\nname = "{name}"\nmodel = "{model}"\nmodalities = {modalities}\n'
        for name, model, modalities in (
            ("chest", "chest_xray_opacity", '["CR", "DX"]'),
            ("nodule", "ct_lung_nodule", '["CT"]'),
        )
    )
    path.write_text(f'[site]\ndata_dir = "{tmp_path / "data"}"\nlanguage = "en"\n{rules}')
    return path


def _inspect(settings: Path, datasets: list[Dataset], *options: str) -> Result:
    write(datasets, settings.parent / "study")
    path = settings.parent / "study"
    return CliRunner().invoke(app, ["--settings", str(settings), "dicom", "inspect", str(path), *options])


def _install(settings: Path, task: Task) -> None:
    make_release(settings.parent / "data" / "releases", task)


def test_a_study_that_a_model_would_read(settings: Path) -> None:
    _install(settings, Task.VOLUME_SEGMENTATION)
    slices = ct_series(12, size=(64, 64), spacing_mm=(1.5, 0.8, 0.8))
    slices[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    told = _inspect(settings, slices)
    assert told.exit_code == 0, told.output
    assert "one regular stack of slices" in told.output
    assert "11 slices, 1.50 mm apart, 0.80 x 0.80 mm a pixel, from image 2 to 12" in told.output
    assert "images that are no part of the stack: 1" in told.output
    assert "Rule 'nodule': ct_lung_nodule 0.1.0 would read the study." in told.output


def test_frames_of_one_object_are_no_fault_of_a_stack_that_breaks(settings: Path) -> None:
    enhanced = enhanced_of([*ct_series(3), *ct_series(7)[5:]])
    told = json.loads(_inspect(settings, [enhanced], "--json").stdout)
    (series,) = told["studies"][0]["series"]
    (problem,) = series["problems"]
    assert "A gap of" in problem


def test_a_gap_is_the_reason_why_not(settings: Path) -> None:
    _install(settings, Task.VOLUME_SEGMENTATION)
    slices = ct_series(12, size=(64, 64), spacing_mm=(1.5, 0.8, 0.8))
    told = json.loads(_inspect(settings, slices[:5] + slices[6:], "--json").stdout)
    (study,) = told["studies"]
    assert study["series"][0]["kind"] == "broken_volume"
    assert "A gap of 3.00 mm" in study["series"][0]["problems"][0]
    assert study["routes"][0]["verdict"] == "not_analysed"
    assert "A gap of 3.00 mm" in study["routes"][0]["reasons"][0]


def test_a_radiograph_with_a_lie_in_its_header_is_not_analysed(settings: Path) -> None:
    _install(settings, Task.IMAGE_CLASSIFICATION)
    image = cr_image()
    image.Rows = 4000
    told = json.loads(_inspect(settings, [image], "--json").stdout)
    (route,) = told["studies"][0]["routes"]
    assert route["verdict"] == "not_analysed"
    assert "truncated or damaged" in " ".join(route["reasons"])


def test_a_model_that_is_not_installed_is_named(settings: Path) -> None:
    told = _inspect(settings, [cr_image()])
    assert "Rule 'chest': no release of chest_xray_opacity is installed" in told.output


def test_the_text_is_danish_where_that_is_asked_for(settings: Path) -> None:
    told = _inspect(settings, [structured_report()], "--language", "da")
    assert "ingen billeder (rapport, kurve eller plan)" in told.output
    assert "Ingen regel gælder for undersøgelsen: den arkiveres kun." in told.output


def test_a_refused_file_is_listed_and_told_by_the_exit_code(settings: Path) -> None:
    (settings.parent / "study").mkdir()
    (settings.parent / "study" / "note.txt").write_text("hello")
    told = _inspect(settings, [cr_image()])
    assert told.exit_code == ExitCode.PARTLY
    assert "note.txt: refused at the door: Found no 'DICM'" in told.output


def test_neither_name_nor_number_of_the_patient_is_shown(settings: Path) -> None:
    for options in ((), ("--json",)):
        output = _inspect(settings, [cr_image(), *ct_series(3)], *options).output
        assert "PID-0001" not in output
        assert "rensen" not in output
        assert "Åse" not in output
