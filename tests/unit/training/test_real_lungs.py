from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from models.bundle import find_bundle
from models.manifest import VolumePreprocessing
from training.datasets import Split
from training.errors import DataError
from training.phantoms.ct import ct_phantom
from training.real_lungs import (
    CASES_PER_SCAN,
    LungScan,
    lung_scans,
    place_nodules,
    prepare_real_lungs,
    real_lung_cases,
)

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "ct"


@pytest.fixture(scope="module")
def spec() -> VolumePreprocessing:
    found = find_bundle("ct_lung_nodule").clinical.preprocessing
    assert isinstance(found, VolumePreprocessing)
    return found


def write_nifti(path: Path, voxels: np.ndarray, spacing_mm: tuple[float, float, float]) -> None:
    """Axes x, y, z with x to the right and y to the back of an LPS volume, as a scanner's export has them."""
    z, y, x = spacing_mm
    image = nibabel.Nifti1Image(voxels.transpose(2, 1, 0).astype(np.int16), np.diag([-x, -y, z, 1]))
    nibabel.save(image, path)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scan with lungs, its label map, and an MR image."""
    tmp_path = tmp_path_factory.mktemp("scans")
    phantom = ct_phantom(4, 0, (20, 120, 128), (5.0, 2.8, 2.8))
    write_nifti(tmp_path / "scan.nii.gz", phantom.voxels, phantom.spacing_mm)
    write_nifti(tmp_path / "scan_seg.nii.gz", np.zeros((20, 120, 128)), phantom.spacing_mm)
    write_nifti(tmp_path / "mr.nii.gz", np.full((20, 60, 60), 300), (3.0, 3.0, 3.0))
    return tmp_path


@pytest.fixture(scope="module")
def scan(directory: Path, spec: VolumePreprocessing) -> LungScan:
    (one,) = lung_scans(directory, spec)
    return one


def test_only_a_ct_with_lungs_is_taken(scan: LungScan, spec: VolumePreprocessing):
    """The label map and the MR image beside it are left out."""
    assert scan.lungs.shape == scan.tensor.shape
    assert 500_000 < scan.lungs.sum() * np.prod(spec.spacing_mm) < 5_000_000
    assert scan.tensor[scan.lungs].mean() < 0.3


def test_a_nifti_scan_lies_as_a_dicom_series_does(scan: LungScan, spec: VolumePreprocessing):
    """Feet first, front row first, the patient's right first: the spine is behind, in the middle."""
    phantom = ct_phantom(4, 0, (20, 120, 128), (5.0, 2.8, 2.8))
    low, high = spec.window_hu
    expected = np.clip((phantom.voxels.mean(axis=0) - low) / (high - low), 0, 1)
    found = ndimage.zoom(scan.tensor.mean(axis=0), np.divide(expected.shape, scan.tensor.shape[1:]), order=1)
    assert np.corrcoef(expected.ravel(), found.ravel())[0, 1] > 0.97


def test_placed_nodules_are_tissue_in_lung_and_the_rest_stays(scan: LungScan, spec: VolumePreprocessing):
    tensor, mask = place_nodules(np.random.default_rng(3), scan, spec)
    assert mask.any()
    assert np.isin(mask.nonzero(), ndimage.binary_dilation(scan.lungs).nonzero()).all()
    core = ndimage.binary_erosion(mask)
    assert 0.6 < tensor[core].mean() < 0.85
    far = ~ndimage.binary_dilation(mask, iterations=4)
    assert np.allclose(tensor[far], scan.tensor[far], atol=1e-3)


def test_each_scan_gives_several_cases_of_one_patient_for_training_alone(directory: Path, spec: VolumePreprocessing):
    cases = list(real_lung_cases(directory, spec, seed=1))
    assert len(cases) == CASES_PER_SCAN
    assert {split for split, _ in cases} == {Split.TRAIN}
    assert len({case.patient for _, case in cases}) == 1
    assert {case.input.shape == case.label.shape for _, case in cases} == {True}
    assert any(case.label.any() for _, case in cases)


def test_a_directory_without_lungs_says_what_is_needed(tmp_path: Path, spec: VolumePreprocessing):
    write_nifti(tmp_path / "head.nii.gz", np.where(np.indices((8, 40, 40))[2] < 20, 40, -1000), (5.0, 3.0, 3.0))
    with pytest.raises(DataError, match=r"holds no CT that shows lung; required: NIfTI files"):
        lung_scans(tmp_path, spec)


def test_a_file_that_is_no_nifti_is_named(tmp_path: Path, spec: VolumePreprocessing):
    (tmp_path / "scan.nii.gz").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"scan\.nii\.gz' is no NIfTI image"):
        lung_scans(tmp_path, spec)


@pytest.mark.skipif(not REAL.is_dir(), reason="the open CT scans are not beside the repository")
def test_the_open_abdominal_ct_gives_the_base_of_a_lung(spec: VolumePreprocessing):
    scans = lung_scans(REAL, spec)
    assert [20 < scan.lungs.sum() * np.prod(spec.spacing_mm) / 1000 < 110 for scan in scans] == [True]


def test_a_data_set_judges_by_invented_patients_alone(directory: Path, tmp_path: Path):
    data = prepare_real_lungs(find_bundle("ct_lung_nodule"), directory, tmp_path / "data", count=7, seed=1)
    patients = {split: {case.patient for case in data.cases(split)} for split in Split}
    assert "CT-000" in patients[Split.TRAIN]
    assert all(patient.startswith("SYN-") for patient in patients[Split.VALIDATION] | patients[Split.TEST])
    assert data.manifest.source.endswith(f"nodules drawn into 1 real CT, {CASES_PER_SCAN} times, for training alone")
