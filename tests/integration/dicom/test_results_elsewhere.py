"""Result objects in other hands: read by dcmqi with equal numbers, taken by Orthanc through both doors."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import nibabel as nib
import numpy as np
import pytest
from factories.dicom import ct_series, write
from factories.dicom_pixels import enhanced_of
from factories.results import nodule_case, study_of
from peers import OrthancPeer, run_dcmtk, running_orthanc
from pydicom import dcmread
from scipy.spatial.distance import pdist

from dicom_io.codes import CUBIC_MILLIMETRE, DIAMETER, LUNG, MILLIMETRE, VOLUME, Code
from dicom_io.findings import Finding, HeatMap, Measurement, Report, Segment
from dicom_io.headers import assemble_study, read_header
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject, write_results
from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import StoreScu
from dicom_io.volume import Volume
from dicom_io.volumes import read_volume
from models.postprocess import components_of

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


def test_dcmqi_finds_masks_on_frames_of_one_object_where_they_are(tmp_path: Path):
    enhanced = enhanced_of(ct_series(12, size=(64, 64)), order=(*range(11, 5, -1), *range(6)))
    study = assemble_study(read_header(path) for path in write([enhanced], tmp_path / "study"))
    volume = read_volume(study.series[0])
    _, report, _ = nodule_case(tmp_path)
    named = {"sop_instance_uids": volume.sop_instance_uids, "frame_numbers": volume.frame_numbers}
    findings = tuple(replace(one, segment=replace(one.segment, **named)) for one in report.findings if one.segment)
    report = replace(report, findings=findings, source_uids=volume.sop_instance_uids[:1])
    written = write_results(report, study, volume, [(ResultKind.SEG, ResultKind.SR)], tmp_path / "out")
    paths = {one.kind: one.path for one in written}
    (tmp_path / "masks").mkdir()

    masks = ["--inputDICOM", paths[ResultKind.SEG], "--outputDirectory", tmp_path / "masks", "--outputType", "nii"]
    dcmqi("segimage2itkimage", *masks)
    dcmqi("tid1500reader", "--inputDICOM", paths[ResultKind.SR], "--outputMetadata", tmp_path / "sr.json")

    labels = read_labels(tmp_path / "masks")
    groups = json.loads((tmp_path / "sr.json").read_text())["Measurements"]
    for finding, group in zip(report.findings, groups, strict=True):
        assert places_of(*labels[finding.tracking_uid]) == expected_places(finding.segment.mask)
        numbers = [float(item["value"]) for item in group["measurementItems"]]
        assert numbers == [finding.probability, *(one.value for one in finding.measurements)]


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


def test_dcmtk_reads_the_key_images(made: Made):
    (written,) = of_kind(made, ResultKind.KOS)
    told = run_dcmtk("dsrdump", ["+Pl", written.path])
    assert told.returncode == 0, told.stderr
    assert "Key Object Selection Document" in told.stdout
    assert '"Of Interest"' in told.stdout
    assert told.stdout.count("<contains IMAGE:=(CT image,)>") == 1


def test_dcmtk_finds_the_page_in_the_encapsulated_document(made: Made, tmp_path: Path):
    (written,) = of_kind(made, ResultKind.PDF)
    found = run_dcmtk("dcm2pdf", [written.path, tmp_path / "page.pdf"])
    assert found.returncode == 0, found.stderr
    page = (tmp_path / "page.pdf").read_bytes()
    assert page.startswith(b"%PDF-")
    assert page.rstrip(b"\0\n").endswith(b"%%EOF")


def measured_finding(volume: Volume) -> Finding:
    """A ball of 6 mm as the line itself finds and measures it."""
    z, y, x = np.indices(volume.voxels.shape)
    far = np.sqrt(((z - 6) * 2.5) ** 2 + ((y - 30) * 0.8) ** 2 + ((x - 33) * 0.7) ** 2)
    probability = np.where(far <= 6.0, 0.9, 0.1).astype(np.float32)
    (found,) = components_of(probability, 0.5, volume.spacing_mm, 1.0)
    return Finding(
        key="nodule-1",
        label="nodule",
        concept=Code(value="27925004", scheme="SCT", meaning="Nodule"),
        site=LUNG,
        text="Nodulus 1",
        tracking_uid="2.25.1",
        probability=found.probability,
        threshold=0.5,
        segment=Segment(mask=found.mask, sop_instance_uids=volume.sop_instance_uids),
        measurements=(
            Measurement(concept=DIAMETER, value=round(found.diameter_mm, 1), unit=MILLIMETRE),
            Measurement(concept=VOLUME, value=round(found.volume_mm3, 0), unit=CUBIC_MILLIMETRE),
        ),
    )


def test_measurements_agree_with_the_mask_as_another_reads_it(tmp_path: Path):
    """Volume and diameter in the SR, and counted anew in the mask that dcmqi reads: equal but for their rounding."""
    instances, report, volume = nodule_case(tmp_path)
    report = replace(report, findings=(measured_finding(volume),))
    written = write_results(report, study_of(instances), volume, [(ResultKind.SR, ResultKind.SEG)], tmp_path / "out")
    by_kind = {one.kind: one.path for one in written}
    (tmp_path / "read").mkdir()
    dcmqi(
        "segimage2itkimage",
        "--inputDICOM",
        by_kind[ResultKind.SEG],
        "--outputDirectory",
        tmp_path / "read",
        "--outputType",
        "nii",
    )
    ((image, label),) = read_labels(tmp_path / "read").values()
    (group,) = hd.sr.srread(by_kind[ResultKind.SR]).content.get_volumetric_roi_measurement_groups()
    _, diameter_mm, volume_mm3 = (float(one.value) for one in group.get_measurements())

    mask = np.asarray(image.dataobj) == label
    spacing = np.array(image.header.get_zooms())
    assert volume_mm3 == pytest.approx(mask.sum() * spacing.prod(), abs=0.5)
    assert diameter_mm == pytest.approx(longest_in_a_slice(mask, spacing[:2]), abs=0.05)


def longest_in_a_slice(mask: np.ndarray, spacing_mm: np.ndarray) -> float:
    """Longest distance of two corners of pixels of *mask* (x, y, z) within one slice, in mm."""
    corners = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])
    longest = 0.0
    for layer in np.moveaxis(mask, 2, 0):
        points = (np.argwhere(layer)[:, np.newaxis] + corners).reshape(-1, 2) * spacing_mm
        if len(points):
            longest = max(longest, float(pdist(points).max()))
    return longest


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
