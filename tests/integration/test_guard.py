"""A guard in the model service, and the shipped guard on a real radiograph."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from factories.dicom import cr_image
from factories.releases import make_release
from model_service import serving
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset

from dicom_io.findings import Outcome
from dicom_io.headers import assemble_study, read_header
from dicom_io.pixels import read_radiograph
from dicom_io.study import Study
from dicom_io.volume import Radiograph
from models.folder_store import shipped_releases
from models.manifest import GuardDemand, Task
from models.onnx_runtime import open_runtime
from models.release import open_release
from serving.api.runtimes import RemoteRuntimes
from serving.errors import NotAnalysedError
from serving.guard import Guard
from serving.pipeline import Analysis, Subject, analyse_study
from serving.stopwatch import Stopwatch

DEMAND = GuardDemand(model="image_guard", label="opacity", at_least=0.5)
CHEST = GuardDemand(model="image_guard", label="chest_radiograph", at_least=0.5)


class Site:
    """A guarded model and its guard, served."""

    def __init__(self, url: str, directory: Path) -> None:
        self._runtimes = RemoteRuntimes(url, timeout_seconds=30)
        self._model = make_release(directory / "releases", Task.IMAGE_CLASSIFICATION, guard=DEMAND)
        self._guard = make_release(directory / "releases", Task.IMAGE_CLASSIFICATION, name="image_guard")

    def analyse(self, study: Study) -> Analysis:
        subject = Subject(
            study=study,
            generation=1,
            release=self._model,
            language="en",
            closed_at=datetime(2026, 1, 1, tzinfo=UTC),
            guard=Guard(release=self._guard, runtime=self._runtimes.of(self._guard), demand=DEMAND),
        )
        return analyse_study(subject, self._runtimes.of(self._model), Stopwatch())

    def close(self) -> None:
        self._runtimes.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("served")
    with serving(directory) as url:
        served = Site(url, directory)
        yield served
        served.close()


def study_of(dataset: Dataset, path: Path) -> Study:
    dataset.save_as(path, enforce_file_format=True)
    return assemble_study([read_header(path)])


def test_a_picture_that_the_served_guard_passes_is_analysed_and_the_guard_is_named(site: Site, tmp_path: Path):
    pixels = np.full((256, 256), 400, dtype=np.uint16)
    pixels[64:112, 128:176] = 4000
    report = site.analyse(study_of(cr_image(pixels), tmp_path / "chest.dcm")).report
    assert report.outcome is Outcome.FINDING
    assert any(one.startswith("guard=image_guard@") for one in report.algorithm.parameters)


def test_a_picture_that_the_served_guard_refuses_is_not_analysed(site: Site, tmp_path: Path):
    stripes = np.tile(np.array([400, 500], dtype=np.uint16), (256, 128))
    with pytest.raises(NotAnalysedError, match="the picture is not taken for"):
        site.analyse(study_of(cr_image(stripes), tmp_path / "stripes.dcm"))


@pytest.fixture(scope="module")
def shipped() -> Guard:
    found = [path for path in shipped_releases() if path.parent.name == "image_guard"]
    if not found:
        pytest.skip("no image_guard is shipped")
    release = open_release(found[-1])
    return Guard(release=release, runtime=open_runtime(release), demand=CHEST)


@pytest.fixture(scope="module")
def radiograph() -> Radiograph:
    """A real chest radiograph, stored inverted (MONOCHROME1), 1955 x 1841 pixels."""
    path = get_testdata_file("RG1_UNCI.dcm", download=False)
    assert path is not None
    return read_radiograph(read_header(Path(str(path))).instance)


def test_the_shipped_guard_passes_a_real_chest_radiograph(shipped: Guard, radiograph: Radiograph):
    shipped.check(radiograph, "en")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda pixels: pixels.max() - pixels, "dark and bright swapped"),
        (np.rot90, "that is turned"),
        (lambda pixels: np.rot90(pixels, 2), "that is turned"),
        (np.zeros_like, "no radiograph"),
    ],
)
def test_the_shipped_guard_says_what_is_wrong_with_it(spoil, reason: str, shipped: Guard, radiograph: Radiograph):
    wrong = Radiograph(
        pixels=np.ascontiguousarray(spoil(radiograph.pixels)),
        value_range=radiograph.value_range,
        pixel_spacing_mm=None,
        sop_instance_uid="1.2.3",
    )
    with pytest.raises(NotAnalysedError, match=reason):
        shipped.check(wrong, "en")


def test_every_shipped_model_that_demands_a_guard_ships_with_it():
    names = {path.parent.name for path in shipped_releases()}
    demanded = {
        release.manifest.limits.guard.model
        for release in map(open_release, shipped_releases())
        if release.manifest.limits.guard is not None
    }
    assert demanded <= names
