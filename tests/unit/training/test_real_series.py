from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories.releases import write_release

from models.bundle import Bundle, find_bundle
from models.manifest import Task, VolumePreprocessing
from training.errors import DataError
from training.phantoms.ct import CtPhantom, ct_phantom
from training.phantoms.dicom import Origin, ct_series, write_datasets
from training.real_series import FoundPiece, _is_tumour, judge_series, read_boxed_series

BOX = "<object><bndbox><xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"


@pytest.fixture(scope="module")
def phantom() -> CtPhantom:
    return ct_phantom(6, 1, (20, 96, 96), (4.0, 3.6, 3.6))


@pytest.fixture
def directory(tmp_path: Path, phantom: CtPhantom) -> Path:
    """The series, its slices named in the order of a person's list, with a box around the nodule on each slice."""
    (tmp_path / "annotation").mkdir()
    slices = ct_series(phantom, Origin(key="one", description="CT thorax"))
    for number, path in enumerate(write_datasets(slices, tmp_path / "made")):
        path.rename(tmp_path / f"slice_{number:03d}.dcm")
        rows, columns = np.nonzero(phantom.mask[number])
        if len(rows):
            box = BOX.format(columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            (tmp_path / "annotation" / f"slice_{number:03d}.xml").write_text(f"<annotation>{box}</annotation>")
    return tmp_path


@pytest.fixture
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls whatever is denser than -20 HU a nodule."""
    directory = tmp_path_factory.mktemp("release")
    write_release(directory, Task.VOLUME_SEGMENTATION, name="ct_lung_nodule", version="0.1.0")
    return directory / "model.onnx"


@pytest.fixture
def bundle() -> Bundle:
    found = find_bundle("ct_lung_nodule")
    spec = found.clinical.preprocessing
    assert isinstance(spec, VolumePreprocessing)
    small = replace(spec, spacing_mm=(4.0, 3.6, 3.6), roi=(8, 32, 32))
    return replace(found, clinical=replace(found.clinical, preprocessing=small))


def test_boxes_lie_where_the_tumour_is(directory: Path, phantom: CtPhantom):
    series = read_boxed_series(directory)
    assert series.boxes[phantom.mask].all()
    assert np.array_equal(series.boxes.any(axis=(1, 2)), phantom.mask.any(axis=(1, 2)))


def test_findings_are_told_apart_by_the_boxes(directory: Path, graph: Path, bundle: Bundle):
    series = read_boxed_series(directory)
    report = judge_series(graph, bundle, series)
    assert report.boxed_slices == series.boxes.any(axis=(1, 2)).sum()
    assert report.not_analysed == ()
    # Everything dense is called a nodule: the chest wall outside the boxes is false.
    assert report.false_positives >= 1
    assert report.pieces[0].volume_mm3 > 0


@pytest.mark.parametrize(
    ("in_boxes", "diameter_mm", "said"), [(0.9, 30, "found"), (0.9, 12, "missed"), (0.2, 60, "missed")]
)
def test_a_small_piece_inside_the_box_is_not_the_tumour(in_boxes: float, diameter_mm: float, said: str):
    piece = FoundPiece(probability=0.9, diameter_mm=diameter_mm, volume_mm3=900, in_boxes=in_boxes)
    assert _is_tumour(piece, longest_box_mm=55) is (said == "found")


def test_a_series_outside_the_limits_says_so_and_is_still_looked_at(directory: Path, graph: Path, bundle: Bundle):
    limits = replace(bundle.clinical.limits, maximum_slice_spacing_mm=2.5)
    strict = replace(bundle, clinical=replace(bundle.clinical, limits=limits))
    report = judge_series(graph, strict, read_boxed_series(directory))
    assert report.not_analysed == ("slices are 4.00 mm apart; at most 2.5 mm are accepted",)
    assert report.pieces


def test_a_box_without_its_slice_is_named(directory: Path):
    (directory / "annotation" / "slice_900.xml").write_text("<annotation/>")
    with pytest.raises(DataError, match=r"slice_900\.xml' has no slice 'slice_900\.dcm'"):
        read_boxed_series(directory)


def test_an_annotation_that_is_no_xml_is_named(directory: Path):
    next((directory / "annotation").iterdir()).write_text("nothing")
    with pytest.raises(DataError, match="is no Pascal VOC annotation"):
        read_boxed_series(directory)


def test_a_directory_without_slices_says_what_is_needed(tmp_path: Path):
    with pytest.raises(DataError, match=r"has 0 files slice_NNN\.dcm and 0 annotation"):
        read_boxed_series(tmp_path)
