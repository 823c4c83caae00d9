"""Result objects in other hands: read by dcmqi with equal numbers, taken by Orthanc through both doors."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from factories.results import nodule_case, study_of
from peers import OrthancPeer, running_orthanc
from pydicom import dcmread

from dicom_io.codes import LUNG
from dicom_io.findings import HeatMap, Report
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject, write_results
from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import StoreScu
from dicom_io.volume import Volume

PROFILES = [tuple(ResultKind), (ResultKind.LABELMAP, ResultKind.SR), (ResultKind.SR,)]
Made = tuple[Report, Volume, tuple[WrittenObject, ...]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Every kind of object of one CT."""
    directory = tmp_path_factory.mktemp("results")
    instances, report, volume = nodule_case(directory)
    values = np.zeros(volume.voxels.shape, dtype=np.float32)
    values[3:9] = np.linspace(0, 1, values[3:9].size, dtype=np.float32).reshape(values[3:9].shape)
    heat_map = HeatMap(
        label="nodule", text="Nodulus", site=LUNG, values=values, sop_instance_uids=volume.sop_instance_uids
    )
    report = replace(report, heat_maps=(heat_map,))
    written = write_results(report, study_of(instances), volume, PROFILES, directory / "out")
    assert {one.kind for one in written} == set(ResultKind)
    return report, volume, written


@pytest.fixture(scope="module")
def orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OrthancPeer]:
    with running_orthanc(tmp_path_factory.mktemp("orthanc")) as peer:
        yield peer


def dcmqi(program: str, *arguments: str | Path) -> None:
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr.decode(errors="replace")


def of_kind(made: Made, kind: ResultKind) -> list[WrittenObject]:
    return [one for one in made[2] if one.kind is kind]


def read_labels(directory: Path) -> dict[str, tuple[nib.Nifti1Image, int]]:
    """Tracking UID -> image and label, as dcmqi wrote them: one file a segment, or one for all that do not overlap."""
    told = json.loads((directory / "meta.json").read_text())["segmentAttributes"]
    files = sorted(directory.glob("*.nii*"))
    return {
        segment["TrackingUniqueIdentifier"]: (nib.load(file), segment["labelID"])
        for file, group in zip(files, told, strict=True)
        for segment in group
        if segment["labelID"]
    }


def places_of(image: nib.Nifti1Image, label: int) -> set[tuple[float, ...]]:
    """Where voxels of *label* lie, in mm of the patient (LPS; NIfTI counts RAS)."""
    indices = np.argwhere(np.asarray(image.dataobj) == label)
    return {tuple(np.round(place * (-1, -1, 1), 2)) for place in nib.affines.apply_affine(image.affine, indices)}


def expected_places(mask: np.ndarray) -> set[tuple[float, ...]]:
    """By the geometry of tests/factories/dicom.py: rows 0.8 mm, columns 0.7 mm, slices 2.5 mm apart."""
    return {tuple(np.round((-100 + 0.7 * x, -50 + 0.8 * y, 2.5 * z), 2)) for z, y, x in np.argwhere(mask)}


@pytest.mark.parametrize("kind", [ResultKind.SEG, ResultKind.LABELMAP])
def test_dcmqi_finds_each_voxel_of_each_mask_where_it_is(kind: ResultKind, made: Made, tmp_path: Path):
    (written,) = of_kind(made, kind)

    dcmqi("segimage2itkimage", "--inputDICOM", written.path, "--outputDirectory", tmp_path, "--outputType", "nii")

    labels = read_labels(tmp_path)
    for finding in made[0].findings:
        assert places_of(*labels[finding.tracking_uid]) == expected_places(finding.segment.mask)


def test_dcmqi_reads_the_numbers_of_the_report(made: Made, tmp_path: Path):
    written = next(one for one in of_kind(made, ResultKind.SR) if ResultKind.SEG in one.audience.takes)

    dcmqi("tid1500reader", "--inputDICOM", written.path, "--outputMetadata", tmp_path / "sr.json")

    groups = {
        group["TrackingUniqueIdentifier"]: group
        for group in json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    }
    for finding in made[0].findings:
        numbers = [float(item["value"]) for item in groups[finding.tracking_uid]["measurementItems"]]
        assert numbers == [finding.probability, *(one.value for one in finding.measurements)]


def test_dcmqi_reads_the_heat_map(made: Made, tmp_path: Path):
    (written,) = of_kind(made, ResultKind.HEAT_MAP)

    dcmqi("paramap2itkimage", "--inputDICOM", written.path, "--outputDirectory", tmp_path, "--outputType", "nii")

    (image,) = [nib.load(path) for path in tmp_path.glob("*.nii*")]
    expected = made[0].heat_maps[0].values[3:9]
    assert np.sort(np.asarray(image.dataobj), axis=None).tolist() == np.sort(expected, axis=None).tolist()


def test_measurements_agree_with_the_mask_as_another_reads_it(made: Made, tmp_path: Path):
    """Volume from dcmqi's own count of voxels and its own spacing; the tolerance is one voxel."""
    (written,) = of_kind(made, ResultKind.SEG)
    dcmqi("segimage2itkimage", "--inputDICOM", written.path, "--outputDirectory", tmp_path, "--outputType", "nii")

    expected_voxels = {"2.25.1": 8 * 10 * 4, "2.25.2": 6 * 10 * 4}
    for tracking_uid, (image, label) in read_labels(tmp_path).items():
        voxel_mm3 = float(np.prod(image.header.get_zooms()))
        measured = float((np.asarray(image.dataobj) == label).sum()) * voxel_mm3
        assert measured == pytest.approx(expected_voxels[tracking_uid] * 2.5 * 0.8 * 0.7, abs=voxel_mm3)


def test_orthanc_takes_every_kind_by_c_store(made: Made, orthanc: OrthancPeer):
    # Orthanc 1.10 does not know the label map's class, and has no way of taking an unknown one.
    known = [one for one in made[2] if one.kind is not ResultKind.LABELMAP]
    scu = StoreScu(DicomAddress(host="127.0.0.1", port=orthanc.dicom_port, ae_title=orthanc.ae_title))

    scu.send([one.path for one in known])

    assert {one.sop_instance_uid for one in known} <= orthanc.sop_instance_uids()
    for one in known:
        assert dcmread(one.path).SOPInstanceUID in orthanc.sop_instance_uids()


def test_orthanc_takes_every_kind_by_stow(made: Made, orthanc: OrthancPeer):
    boundary = "results"
    body = b"".join(
        b"--results\r\nContent-Type: application/dicom\r\n\r\n" + one.path.read_bytes() + b"\r\n" for one in made[2]
    )
    kind = f'multipart/related; type="application/dicom"; boundary={boundary}'

    answer = orthanc.rest.post(
        "/dicom-web/studies",
        content=body + b"--results--\r\n",
        headers={"Content-Type": kind, "Accept": "application/dicom+json"},
    )

    assert answer.status_code == 200
    # Failed SOP Sequence (0008,1198): a STOW answer of 200 alone is no success.
    assert answer.json().get("00081198", {}).get("Value", []) == []
    assert {one.sop_instance_uid for one in made[2]} <= orthanc.sop_instance_uids()
