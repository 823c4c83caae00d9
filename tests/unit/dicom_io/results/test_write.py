"""Result objects: what they say, that they conform, that they are equal when written again."""

from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from factories.dicom import cr_image
from factories.results import encoded, faults_of, instances_of, report_draft, report_on, study_of
from PIL import Image
from pydicom import dcmread

from dicom_io.codes import Code
from dicom_io.errors import ConformanceError
from dicom_io.findings import Outcome
from dicom_io.results.conformance import check
from dicom_io.results.decoding import text_of, values_of
from dicom_io.results.kinds import ResultKind
from dicom_io.results.source import lossy_elements, read_sources
from dicom_io.results.write import WrittenObject, write_results

BASIC = [(ResultKind.SR, ResultKind.SEG, ResultKind.SC)]


def by_kind(written: tuple[WrittenObject, ...]) -> dict[ResultKind, WrittenObject]:
    return {one.kind: one for one in written}


def test_a_finding_on_a_radiograph_gives_a_report_and_a_picture(chest, tmp_path: Path):
    instances, report, radiograph = chest

    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))

    assert set(written) == {ResultKind.SR, ResultKind.SC}
    for_pages = np.asarray(Image.open(tmp_path / "out" / "picture.jpg")).astype(int)
    capture = dcmread(written[ResultKind.SC].path)
    assert np.abs(for_pages - capture.pixel_array).mean() < 3
    assert (capture.LossyImageCompression, capture.LossyImageCompressionMethod) == ("01", "ISO_10918_1")
    assert float(capture.LossyImageCompressionRatio) > 5


def test_a_picture_of_a_compressed_source_tells_both_losses(tmp_path: Path):
    image = cr_image()
    image.LossyImageCompression, image.LossyImageCompressionRatio = "01", "9.5"
    image.LossyImageCompressionMethod = "ISO_10918_1"
    sources = read_sources(study_of(instances_of([image], tmp_path)), [image.SOPInstanceUID])

    told = values_of(b"".join(lossy_elements(sources, ("7.0", "ISO_10918_1"))))

    assert text_of(told[0x00282112]).split("\\") == ["9.5", "7.0"]
    assert text_of(told[0x00282114]).split("\\") == ["ISO_10918_1", "ISO_10918_1"]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (lambda capture: setattr(capture, "Rows", 12), "not those of the compressed frame"),
        (lambda capture: setattr(capture, "PixelData", capture.PixelData[:40]), "end marker"),
    ],
)
def test_a_picture_whose_frame_is_another_may_not_leave(chest, tmp_path: Path, fault, words: str):
    instances, report, radiograph = chest
    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))
    altered = dcmread(written[ResultKind.SC].path)
    fault(altered)

    with pytest.raises(ConformanceError, match=words):
        check(encoded(altered), read_sources(study_of(instances), report.source_uids))


def test_the_report_reads_back_with_the_same_numbers(chest, tmp_path: Path):
    instances, report, radiograph = chest
    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))

    document = hd.sr.srread(written[ResultKind.SR].path)
    (group,) = document.content.get_planar_roi_measurement_groups()

    assert group.tracking_uid == report.findings[0].tracking_uid
    assert group.tracking_identifier == "Fortætning"
    assert [float(one.value) for one in group.get_measurements()] == [0.87]
    assert group.roi.value.tolist() == [list(point) for point in report.findings[0].region.polygon]
    assert group.finding_sites[0].value.meaning == "Lung"


def test_the_report_names_model_version_and_digest(chest, tmp_path: Path):
    instances, report, radiograph = chest
    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))

    told = dcmread(written[ResultKind.SR].path).to_json()

    assert "chest_xray_opacity" in told
    assert "0.1.0" in told
    assert f"model_sha256={'ab' * 32}" in told
    assert "release abababababab" in dcmread(written[ResultKind.SC].path).DerivationDescription


def test_a_meaning_that_dicom_does_not_take_is_refused(chest):
    instances, report, _ = chest
    wordy = replace(report.findings[0], concept=Code(value="x", scheme="99VARSEL", meaning="m" * 65))

    with pytest.raises(ConformanceError, match="at most 64"):
        report_draft(replace(report, findings=(wordy,)), study_of(instances))


def test_a_long_code_is_a_long_code_value(chest, tmp_path: Path):
    instances, report, radiograph = chest
    long = replace(report.findings[0], concept=Code(value="c" * 17, scheme="99VARSEL", meaning="Long"))
    report = replace(report, findings=(long,))
    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))

    (group,) = hd.sr.srread(written[ResultKind.SR].path).content.get_planar_roi_measurement_groups()

    assert group.finding_type.value == "c" * 17
    assert faults_of(written[ResultKind.SR].path) == []


def test_masks_become_segments_that_the_report_refers_to(nodules, tmp_path: Path):
    instances, report, volume = nodules
    written = by_kind(write_results(report, study_of(instances), volume, BASIC, tmp_path / "out"))

    masks = hd.seg.segread(written[ResultKind.SEG].path)
    groups = hd.sr.srread(written[ResultKind.SR].path).content.get_volumetric_roi_measurement_groups()

    assert masks.number_of_segments == 2
    assert [masks.get_segment_description(number).tracking_uid for number in (1, 2)] == ["2.25.1", "2.25.2"]
    assert [group.tracking_uid for group in groups] == ["2.25.1", "2.25.2"]
    assert {group.referenced_segment.referenced_sop_instance_uid for group in groups} == {masks.SOPInstanceUID}
    pixels = masks.get_pixels_by_source_instance([report.source_uids[5]], combine_segments=False)
    assert np.array_equal(pixels[0, :, :, 0].astype(bool), report.findings[0].segment.mask[5])


@pytest.mark.parametrize("kind", ["chest", "nodules"])
def test_no_validator_finds_an_error(kind: str, request: pytest.FixtureRequest, tmp_path: Path):
    instances, report, pixels = request.getfixturevalue(kind)

    for one in write_results(report, study_of(instances), pixels, BASIC, tmp_path / "out"):
        assert faults_of(one.path) == [], one.kind


def test_danish_names_survive_a_source_in_latin_1(chest, tmp_path: Path):
    instances, report, radiograph = chest

    for one in write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"):
        assert str(dcmread(one.path).PatientName) == "Ærø^Søren Åge"
        assert dcmread(one.path).SpecificCharacterSet == "ISO_IR 192"


@pytest.mark.parametrize("kind", ["chest", "nodules"])
def test_writing_twice_gives_equal_bytes(kind: str, request: pytest.FixtureRequest, tmp_path: Path):
    instances, report, pixels = request.getfixturevalue(kind)

    first = write_results(report, study_of(instances), pixels, BASIC, tmp_path / "first")
    second = write_results(report, study_of(instances), pixels, BASIC, tmp_path / "second")

    assert [one.sha256 for one in first] == [one.sha256 for one in second]


def test_another_generation_is_another_object(chest, tmp_path: Path):
    instances, report, radiograph = chest
    later = report_on(instances, report.study_instance_uid, *report.findings, generation=2)

    first = write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "first")
    second = write_results(later, study_of(instances), radiograph, BASIC, tmp_path / "second")

    assert not {one.sop_instance_uid for one in first} & {one.sop_instance_uid for one in second}


def test_no_finding_is_said_in_words(chest, tmp_path: Path):
    instances, report, radiograph = chest
    negative = report_on(instances, report.study_instance_uid)

    written = by_kind(write_results(negative, study_of(instances), radiograph, BASIC, tmp_path / "out"))

    assert set(written) == {ResultKind.SR}
    assert "Analysed, no finding" in str(dcmread(written[ResultKind.SR].path))
    assert faults_of(written[ResultKind.SR].path) == []


def test_not_analysed_is_said_with_its_reason(chest, tmp_path: Path):
    instances, report, _ = chest
    silent = report_on(
        instances, report.study_instance_uid, outcome=Outcome.NOT_ANALYSED, reason="slices are 7 mm apart", scores={}
    )

    written = by_kind(write_results(silent, study_of(instances), None, BASIC, tmp_path / "out"))

    told = dcmread(written[ResultKind.SR].path).to_json()
    assert set(written) == {ResultKind.SR}
    assert "Not analysed" in told
    assert "slices are 7 mm apart" in told


@pytest.mark.parametrize("kind", ["chest", "nodules"])
def test_every_group_beside_findings_has_coordinates(kind: str, request: pytest.FixtureRequest, tmp_path: Path):
    """OHIF 3.13.2 stumbles over the whole report otherwise: it reads the first coordinates of each group."""
    instances, report, pixels = request.getfixturevalue(kind)
    profiles = [(ResultKind.SR, ResultKind.SEG), (ResultKind.SR,)]

    for one in write_results(report, study_of(instances), pixels, profiles, tmp_path / "out"):
        if one.kind is not ResultKind.SR:
            continue
        told = {item.ConceptNameCodeSequence[0].CodeValue: item for item in dcmread(one.path).ContentSequence}
        for group in told["126010"].ContentSequence:
            numbers = [item for item in group.ContentSequence if item.ValueType == "NUM"]
            drawn = [item.ValueType for item in group.ContentSequence if item.ValueType == "SCOORD"]
            drawn += [child.ValueType for item in numbers for child in item.get("ContentSequence", [])]
            assert drawn
            assert set(drawn) == {"SCOORD"}
        outcome = told["C0034375"].ContentSequence[0]
        assert outcome.ConceptCodeSequence[0].CodeMeaning == "Analysed, finding reported"


def test_a_mask_told_without_segmentation_is_a_box_on_its_largest_slice(nodules, tmp_path: Path):
    instances, report, volume = nodules

    (written,) = write_results(report, study_of(instances), volume, [(ResultKind.SR,)], tmp_path / "out")

    groups = hd.sr.srread(written.path).content.get_planar_roi_measurement_groups()
    # Rows 10 to 18 and 40 to 46, columns 20 to 30, two pixels of room.
    assert [(*group.roi.value.min(axis=0), *group.roi.value.max(axis=0)) for group in groups] == [
        (18, 8, 32, 20),
        (18, 38, 32, 48),
    ]


def test_an_object_of_another_patient_may_not_leave(chest, tmp_path: Path):
    instances, report, radiograph = chest
    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))
    altered = dcmread(written[ResultKind.SR].path)
    altered.PatientID = "SOMEBODY-ELSE"

    with pytest.raises(ConformanceError, match=r"\(0010,0020\) differs") as caught:
        check(encoded(altered), read_sources(study_of(instances), report.source_uids))

    assert "SOMEBODY-ELSE" not in str(caught.value)


def test_a_group_without_a_tracking_identifier_may_not_leave(chest, tmp_path: Path):
    instances, report, radiograph = chest
    written = by_kind(write_results(report, study_of(instances), radiograph, BASIC, tmp_path / "out"))
    altered = dcmread(written[ResultKind.SR].path)
    measurements = next(
        item
        for item in altered.ContentSequence
        if "ContentSequence" in item and item.ConceptNameCodeSequence[0].CodeValue == "126010"
    )
    group = measurements.ContentSequence[-1]
    group.ContentSequence = [
        item for item in group.ContentSequence if item.ConceptNameCodeSequence[0].CodeValue != "112039"
    ]

    with pytest.raises(ConformanceError, match="112039"):
        check(encoded(altered), read_sources(study_of(instances), report.source_uids))
