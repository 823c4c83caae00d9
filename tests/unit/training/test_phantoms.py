import subprocess
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from dicom_io.uids import is_valid_uid
from training.phantoms.ct import ct_phantom
from training.phantoms.dicom import invented_patient, write_ct, write_xray
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
    dataset = pydicom.dcmread(write_xray(tmp_path / "x.dcm", phantom, 5))
    assert np.array_equal(dataset.pixel_array, phantom.pixels)
    assert dataset.PatientID == "SYN-000005"
    assert is_valid_uid(dataset.SOPInstanceUID)


def test_ct_slices_are_one_series_from_feet_to_head(tmp_path: Path):
    phantom = ct_phantom(6, 1, *SMALL_CT)
    slices = [pydicom.dcmread(path) for path in write_ct(tmp_path, phantom, 6)]
    assert len({one.SeriesInstanceUID for one in slices}) == 1
    assert len({one.SOPInstanceUID for one in slices}) == 10
    heights = [float(one.ImagePositionPatient[2]) for one in slices]
    assert np.allclose(np.diff(heights), 4.0)
    units = slices[4].pixel_array * float(slices[4].RescaleSlope) + float(slices[4].RescaleIntercept)
    assert np.array_equal(units, phantom.voxels[4])


def test_one_seed_writes_the_same_bytes(tmp_path: Path):
    phantom = xray_phantom(5, size_px=(64, 56))
    first, second = (write_xray(tmp_path / name, phantom, 5).read_bytes() for name in ("a.dcm", "b.dcm"))
    assert first == second


def test_every_invented_patient_is_an_adult_with_a_synthetic_id():
    patients = [invented_patient(seed) for seed in range(50)]
    assert all(one.patient_id.startswith("SYN-") and one.birth_date.year <= 2001 for one in patients)


def test_dciodvfy_finds_no_error(tmp_path: Path):
    paths = (
        write_xray(tmp_path / "x.dcm", xray_phantom(5, size_px=(64, 56)), 5),
        *write_ct(tmp_path / "ct", ct_phantom(6, 1, *SMALL_CT), 6)[:1],
    )
    for path in paths:
        found = subprocess.run(["dciodvfy", str(path)], capture_output=True, check=False)
        assert b"Error" not in found.stderr + found.stdout


def test_phantoms_are_drawn_without_torch():
    code = "import sys, training.phantoms.dicom, training.phantoms.stays; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
