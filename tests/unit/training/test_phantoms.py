import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom_io.uids import is_valid_uid
from training.phantoms.ct import ct_phantom
from training.phantoms.dicom import Origin, ct_series, radiograph, write_datasets
from training.phantoms.xray import xray_phantom

SMALL_CT = ((10, 96, 96), (4.0, 3.6, 3.6))


def test_one_seed_draws_one_radiograph():
    assert np.array_equal(xray_phantom(7).pixels, xray_phantom(7).pixels)
    assert not np.array_equal(xray_phantom(7).pixels, xray_phantom(8).pixels)


def test_an_opacity_makes_its_box_denser_and_nothing_else():
    """Same seed with and without: the anatomy is the same, so the difference is the opacity."""
    with_opacity, without = xray_phantom(11, opacity=True), xray_phantom(11, opacity=False)
    assert without.opacity is None
    box = with_opacity.opacity
    inside = np.s_[int(box.top) + 3 : int(box.bottom) - 3, int(box.left) + 3 : int(box.right) - 3]
    assert with_opacity.pixels[inside].mean() > without.pixels[inside].mean() + 50


def test_about_half_of_all_seeds_have_an_opacity():
    share = np.mean([xray_phantom(seed, size_px=(64, 56)).opacity is not None for seed in range(60)])
    assert 0.3 < share < 0.7


def test_a_ct_is_in_hounsfield_units_and_its_nodules_lie_in_the_lung():
    phantom = ct_phantom(3, nodules=2)
    outside, nodules = phantom.voxels[:, :10], phantom.voxels[phantom.mask]
    assert outside.mean() == pytest.approx(-1000, abs=30)
    assert -300 < nodules.mean() < 100
    assert len(phantom.diameters_mm) == 2
    assert all(6 <= diameter <= 16 for diameter in phantom.diameters_mm)


def test_a_ct_without_nodules_has_an_empty_mask():
    assert not ct_phantom(3, 0, *SMALL_CT).mask.any()


def test_written_objects_hold_the_pixels_and_an_invented_patient(tmp_path: Path):
    phantom = xray_phantom(5, opacity=True)
    origin = Origin(key="one", description="Thorax", birth_date=date(2023, 5, 1))
    (path,) = write_datasets([radiograph(phantom, origin)], tmp_path)
    dataset = pydicom.dcmread(path)
    assert np.array_equal(dataset.pixel_array, phantom.pixels)
    assert dataset.PatientID.startswith("SYN-")
    assert dataset.PatientBirthDate == "20230501"
    assert is_valid_uid(dataset.SOPInstanceUID)


def test_ct_slices_are_one_series_from_feet_to_head():
    phantom = ct_phantom(6, 1, *SMALL_CT)
    slices = ct_series(phantom, Origin(key="one", description="CT thorax"))
    assert len({one.SeriesInstanceUID for one in slices}) == 1
    assert len({one.SOPInstanceUID for one in slices}) == 10
    heights = [float(one.ImagePositionPatient[2]) for one in slices]
    assert np.allclose(np.diff(heights), 4.0)
    units = slices[4].pixel_array * float(slices[4].RescaleSlope) + float(slices[4].RescaleIntercept)
    assert np.array_equal(units, phantom.voxels[4])


def test_one_key_and_time_write_the_same_bytes(tmp_path: Path):
    phantom = xray_phantom(5, size_px=(64, 56))
    origin = Origin(key="one", description="Thorax", taken_at=datetime(2026, 1, 5, tzinfo=UTC))
    first, second = (write_datasets([radiograph(phantom, origin)], tmp_path / name)[0] for name in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_dciodvfy_finds_no_error(tmp_path: Path):
    origin = Origin(key="one", description="Thorax")
    datasets = [
        radiograph(xray_phantom(5, size_px=(64, 56)), origin),
        *ct_series(ct_phantom(6, 1, *SMALL_CT), origin)[:1],
    ]
    for path in write_datasets(datasets, tmp_path):
        found = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
        assert b"Error" not in found.stderr + found.stdout


def test_phantoms_are_drawn_without_torch():
    code = "import sys, training.phantoms.dicom, training.phantoms.stays; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
