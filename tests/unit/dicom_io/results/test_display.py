"""A presentation state shows an image as the image itself asks to be shown, by DCMTK's rendering."""

import copy
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from factories.dicom import ct_series
from factories.dicom_pixels import enhanced_of
from factories.results import faults_of, instances_of, nodule_case, report_on, study_of
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import write_results
from dicom_io.study import Instance
from tests.integration.peers import run_dcmtk


def slices(**values: object) -> list[Dataset]:
    """A CT whose slices are ramps from -1000 to 3000 HU."""
    datasets = ct_series(12, size=(64, 64))
    for dataset in datasets:
        pixels = np.linspace(24, 4024, 64 * 64).reshape(64, 64).astype(np.uint16)
        dataset.PixelData = pixels.tobytes()
        for keyword, value in values.items():
            setattr(dataset, keyword, copy.deepcopy(value))
    return datasets


def state_of(datasets: list[Dataset], directory: Path) -> tuple[Path, list[Instance]]:
    """The one presentation state of findings on slices 4 to 7, and the images."""
    (path,), instances = states_of(datasets, directory)
    return path, instances


def states_of(datasets: list[Dataset], directory: Path) -> tuple[list[Path], list[Instance]]:
    """The presentation states of findings on slices 4 to 7, and the images."""
    _, report, volume = nodule_case(directory / "findings")
    instances = instances_of(datasets, directory / "ct")
    report = report_on(instances, report.study_instance_uid, *report.findings)
    if len(instances) == 1:
        named = {"sop_instance_uids": (instances[0].sop_instance_uid,) * 12, "frame_numbers": tuple(range(1, 13))}
        findings = tuple(replace(one, segment=replace(one.segment, **named)) for one in report.findings if one.segment)
        report = replace(report, findings=findings)
    written = write_results(report, study_of(instances), volume, [(ResultKind.GSPS,)], directory / "out")
    return [one.path for one in written], instances


def drawn(arguments: list[str | Path], path: Path) -> npt.NDArray[np.int_]:
    done = run_dcmtk(str(arguments[0]), [*arguments[1:], path])
    assert done.returncode == 0, done.stderr
    return np.asarray(Image.open(path)).astype(int)


WINDOW = {"WindowCenter": [-600, 40], "WindowWidth": [1500, 400]}


def test_an_image_looks_the_same_with_its_drawings_as_without(tmp_path: Path):
    path, instances = state_of(slices(**WINDOW), tmp_path)
    image = instances[5].path
    alone = drawn(["dcm2pnm", "+Wi", "1", image], tmp_path / "alone.pgm")
    with_state = drawn(["dcmp2pgm", "-p", path, image], tmp_path / "state.pgm")
    assert np.abs(alone - with_state).max() <= 1
    # Without a window of its own the state would show all of -1024 to 3071 HU as one grey.
    assert (alone[-1, -1], np.abs(alone - np.linspace(0, 255, 64 * 64).reshape(64, 64)).max() > 100) == (255, True)
    assert faults_of(path) == []


@pytest.mark.parametrize(
    ("different", "told"),
    [
        ({"RescaleSlope": 2, "RescaleIntercept": -1000}, {(1, -1024, "IDENTITY"), (2, -1000, "IDENTITY")}),
        ({"PhotometricInterpretation": "MONOCHROME1"}, {(1, -1024, "IDENTITY"), (1, -1024, "INVERSE")}),
    ],
    ids=["rescale", "polarity"],
)
def test_images_with_another_rescale_or_polarity_have_a_state_of_their_own(
    different: dict[str, object], told: set[tuple[float, float, str]], tmp_path: Path
):
    datasets = slices(**WINDOW)
    for keyword, value in different.items():
        for one in datasets[6:]:
            setattr(one, keyword, value)
    paths, instances = states_of(datasets, tmp_path)

    states = [dcmread(path) for path in paths]
    assert {(one.RescaleSlope, one.RescaleIntercept, one.PresentationLUTShape) for one in states} == told
    # One series, so that a viewer offers them side by side.
    assert len({one.SeriesInstanceUID for one in states}) == 1
    assert sorted(one.InstanceNumber for one in states) == [1, 2]
    shown = {frozenset(shown_by(one)): path for one, path in zip(states, paths, strict=True)}
    uids = [one.sop_instance_uid for one in instances]
    assert set(shown) == {frozenset(uids[4:6]), frozenset(uids[6:8])}
    for named, path in shown.items():
        assert faults_of(path) == []
        image = instances[uids.index(min(named))].path
        alone = drawn(["dcm2pnm", "+Wi", "1", image], tmp_path / "alone.pgm")
        assert np.abs(alone - drawn(["dcmp2pgm", "-p", path, image], tmp_path / "state.pgm")).max() <= 1


def shown_by(state: Dataset) -> set[str]:
    """The images that a state names, which must be the same wherever it names them."""
    (series,) = state.ReferencedSeriesSequence
    named = {one.ReferencedSOPInstanceUID for one in series.ReferencedImageSequence}
    for items in (state.GraphicAnnotationSequence, state.DisplayedAreaSelectionSequence):
        assert {one.ReferencedImageSequence[0].ReferencedSOPInstanceUID for one in items} == named
    return named


def test_frames_with_another_rescale_have_a_state_of_their_own(tmp_path: Path):
    datasets = slices()
    for one in datasets[6:]:
        one.RescaleSlope = 2
    paths, _ = states_of([enhanced_of(datasets)], tmp_path)

    states = [dcmread(path) for path in paths]
    assert [(one.RescaleSlope, frames_of(one)) for one in states] == [(1, [5, 6]), (2, [7, 8])]
    assert [faults_of(path) for path in paths] == [[], []]


def frames_of(state: Dataset) -> list[int]:
    return list(state.ReferencedSeriesSequence[0].ReferencedImageSequence[0].ReferencedFrameNumber)


def test_a_modality_table_is_repeated_in_place_of_a_rescale(tmp_path: Path):
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.add_new("LUTData", "OW", (np.arange(4096) ** 2 // 256).astype(np.uint16).tobytes())
    table.ModalityLUTType = "OD"
    datasets = slices(WindowCenter=30_000, WindowWidth=50_000, ModalityLUTSequence=[table])
    for dataset in datasets:
        del dataset.RescaleSlope, dataset.RescaleIntercept
    path, instances = state_of(datasets, tmp_path)

    state = dcmread(path)
    assert (state.ModalityLUTSequence[0].LUTData, "RescaleSlope" in state) == (table.LUTData, False)
    assert faults_of(path) == []
    alone = drawn(["dcm2pnm", "+Wi", "1", instances[5].path], tmp_path / "alone.pgm")
    with_state = drawn(["dcmp2pgm", "-p", path, instances[5].path], tmp_path / "state.pgm")
    assert (np.abs(alone - with_state).max() <= 1, np.ptp(alone) > 200) == (True, True)


def items_of(path: Path) -> list[tuple[set[str], float, float]]:
    return [
        (
            {one.ReferencedSOPInstanceUID for one in item.get("ReferencedImageSequence", [])},
            float(item.WindowCenter),
            float(item.WindowWidth),
        )
        for item in dcmread(path).SoftcopyVOILUTSequence
    ]


def test_images_with_different_windows_each_keep_their_own(tmp_path: Path):
    datasets = slices(WindowCenter=40, WindowWidth=400)
    datasets[5].WindowCenter, datasets[5].WindowWidth = -600, 1500
    path, instances = state_of(datasets, tmp_path)
    uids = [one.sop_instance_uid for one in instances]
    told = sorted(items_of(path), key=lambda item: item[1])
    assert told == [({uids[5]}, -600, 1500), ({uids[4], uids[6], uids[7]}, 40, 400)]
    assert faults_of(path) == []


def test_frames_have_windows_in_their_functional_groups(tmp_path: Path):
    enhanced = enhanced_of(slices())
    window = Dataset()
    window.WindowCenter, window.WindowWidth, window.VOILUTFunction = "-600", "1500", "SIGMOID"
    enhanced.SharedFunctionalGroupsSequence[0].FrameVOILUTSequence = [window]
    path, _ = state_of([enhanced], tmp_path)
    assert items_of(path) == [(set(), -600, 1500)]
    assert dcmread(path).SoftcopyVOILUTSequence[0].VOILUTFunction == "SIGMOID"


def test_a_table_is_repeated_where_there_is_no_window(tmp_path: Path):
    table = Dataset()
    table.add_new("LUTDescriptor", "US", [4096, 0, 16])
    table.add_new("LUTData", "OW", (np.arange(4096, dtype=np.uint16) * 16 + 15).tobytes())
    path, _ = state_of(slices(VOILUTSequence=[table]), tmp_path)
    (item,) = dcmread(path).SoftcopyVOILUTSequence
    (kept,) = item.VOILUTSequence
    assert (list(kept.LUTDescriptor), kept.LUTData) == ([4096, 0, 16], table.LUTData)
    assert faults_of(path) == []


@pytest.mark.parametrize("window", [{}, {"WindowCenter": 40, "WindowWidth": 0}, {"WindowWidth": 400}])
def test_what_an_image_does_not_say_the_state_does_not_either(window: dict[str, object], tmp_path: Path):
    path, _ = state_of(slices(**window), tmp_path)
    assert "SoftcopyVOILUTSequence" not in dcmread(path)
