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
    """The presentation state of findings on slices 4 to 7, and the images."""
    _, report, volume = nodule_case(directory / "findings")
    instances = instances_of(datasets, directory / "ct")
    report = report_on(instances, report.study_instance_uid, *report.findings)
    if len(instances) == 1:
        named = {"sop_instance_uids": (instances[0].sop_instance_uid,) * 12, "frame_numbers": tuple(range(1, 13))}
        findings = tuple(replace(one, segment=replace(one.segment, **named)) for one in report.findings if one.segment)
        report = replace(report, findings=findings)
    (written,) = write_results(report, study_of(instances), volume, [(ResultKind.GSPS,)], directory / "out")
    return written.path, instances


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
