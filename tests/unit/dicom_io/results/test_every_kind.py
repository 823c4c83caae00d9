"""Every kind of result object: valid, the same again, and read by another implementation."""

import io
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from factories.results import faults_of, study_of
from pydicom import dcmread

from dicom_io.codes import LUNG
from dicom_io.findings import HeatMap, Report
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject, write_results
from dicom_io.volume import Radiograph, Volume

EVERYTHING = tuple(ResultKind)
#: What a destination may take so that each object is made by one of these profiles.
PROFILES = [EVERYTHING, (ResultKind.LABELMAP, ResultKind.SR), (ResultKind.SR,)]


@pytest.fixture
def mapped(nodules) -> tuple[list, Report, Volume]:
    """The CT with a heat map of half its slices."""
    instances, report, volume = nodules
    values = np.zeros(volume.voxels.shape, dtype=np.float32)
    values[3:9] = np.linspace(0, 1, values[3:9].size, dtype=np.float32).reshape(values[3:9].shape)
    heat_map = HeatMap(
        label="nodule", text="Nodulus", site=LUNG, values=values, sop_instance_uids=volume.sop_instance_uids
    )
    return instances, replace(report, heat_maps=(heat_map,)), volume


def written_by(case: tuple[list, Report, Radiograph | Volume], directory: Path) -> tuple[WrittenObject, ...]:
    instances, report, pixels = case
    return write_results(report, study_of(instances), pixels, PROFILES, directory)


def one_of(written: tuple[WrittenObject, ...], kind: ResultKind) -> Path:
    return next(one.path for one in written if one.kind is kind)


def test_a_ct_gives_every_kind(mapped, tmp_path: Path):
    assert {one.kind for one in written_by(mapped, tmp_path / "out")} == set(ResultKind)


@pytest.mark.parametrize("case", ["chest", "mapped"])
def test_no_validator_finds_an_error_in_any_kind(case: str, request: pytest.FixtureRequest, tmp_path: Path):
    for one in written_by(request.getfixturevalue(case), tmp_path / "out"):
        # Neither the label map nor a reference to its segments is known to every version of the validator.
        if ResultKind.LABELMAP not in one.audience.takes:
            assert faults_of(one.path) == [], one.kind


@pytest.mark.parametrize("case", ["chest", "mapped"])
def test_every_kind_is_the_same_when_written_again(case: str, request: pytest.FixtureRequest, tmp_path: Path):
    first = written_by(request.getfixturevalue(case), tmp_path / "first")
    second = written_by(request.getfixturevalue(case), tmp_path / "second")

    assert [one.sha256 for one in first] == [one.sha256 for one in second]
    assert len({one.sop_instance_uid for one in first}) == len({one.series_instance_uid for one in first}) == len(first)


def test_a_label_map_holds_the_masks(mapped, tmp_path: Path):
    report = mapped[1]

    labels = hd.seg.segread(one_of(written_by(mapped, tmp_path / "out"), ResultKind.LABELMAP))

    # Segment 0 is the background (PS3.3 C.8.20.2).
    assert [labels.get_segment_description(number).tracking_uid for number in (1, 2)] == ["2.25.1", "2.25.2"]
    pixels = labels.get_pixels_by_source_instance(list(report.source_uids[4:8]), combine_segments=True)
    for number, finding in enumerate(report.findings, start=1):
        assert np.array_equal(pixels == number, finding.segment.mask[4:8])


def test_masks_that_overlap_are_no_label_map(nodules, tmp_path: Path):
    instances, report, volume = nodules
    first = report.findings[0]
    overlapping = replace(report, findings=(first, replace(first, key="nodule-2", tracking_uid="2.25.2")))

    written = write_results(
        overlapping, study_of(instances), volume, [(ResultKind.SR, ResultKind.LABELMAP)], tmp_path / "out"
    )

    assert [one.kind for one in written] == [ResultKind.SR]


def test_a_heat_map_holds_the_probabilities_of_the_slices_that_have_any(mapped, tmp_path: Path):
    _, report, volume = mapped

    dataset = dcmread(one_of(written_by(mapped, tmp_path / "out"), ResultKind.HEAT_MAP))

    frames = np.frombuffer(dataset.FloatPixelData, dtype="<f4").reshape(6, dataset.Rows, dataset.Columns)
    assert np.array_equal(frames, report.heat_maps[0].values[3:9])
    sources = [
        frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        for frame in dataset.PerFrameFunctionalGroupsSequence
    ]
    assert sources == list(volume.sop_instance_uids[3:9])


def test_a_part_of_a_heat_map_stands_where_it_lies(mapped, tmp_path: Path):
    instances, report, volume = mapped
    whole = report.heat_maps[0]
    part = replace(whole, values=whole.values[4:6, 10:20, 30:50], offset=(4, 10, 30))

    (written,) = write_results(
        replace(report, heat_maps=(part,)), study_of(instances), volume, [(ResultKind.HEAT_MAP,)], tmp_path / "out"
    )

    frames = np.frombuffer(dcmread(written.path).FloatPixelData, dtype="<f4").reshape(2, 64, 64)
    expected = np.zeros((2, 64, 64), dtype=np.float32)
    expected[:, 10:20, 30:50] = whole.values[4:6, 10:20, 30:50]
    assert np.array_equal(frames, expected)


def test_a_heat_map_of_images_without_a_place_is_not_made(chest, tmp_path: Path):
    """The standard demands a frame of reference, which radiographs do not have; what else is said still leaves."""
    instances, report, radiograph = chest
    heat_map = HeatMap(
        label="opacity",
        text="Fortætning",
        site=LUNG,
        values=radiograph.pixels[np.newaxis],
        sop_instance_uids=(radiograph.sop_instance_uid,),
    )
    report = replace(report, heat_maps=(heat_map,))

    written = write_results(report, study_of(instances), None, [(ResultKind.SR, ResultKind.HEAT_MAP)], tmp_path / "out")

    assert [one.kind for one in written] == [ResultKind.SR]


@pytest.mark.parametrize("case", ["chest", "mapped"])
def test_key_images_are_those_that_show_the_findings(case: str, request: pytest.FixtureRequest, tmp_path: Path):
    held = request.getfixturevalue(case)

    document = hd.ko.KeyObjectSelectionDocument.from_dataset(
        dcmread(one_of(written_by(held, tmp_path / "out"), ResultKind.KOS))
    )

    assert document.content[0].ConceptNameCodeSequence[0].CodeValue == "113000"
    # Both masks are largest on the fifth slice, the first of their equal ones.
    shown = held[1].source_uids[{"chest": 0, "mapped": 4}[case]]
    assert [one.referenced_sop_instance_uid for one in document.content.get_references()] == [shown]


def test_drawings_lie_where_the_findings_lie(chest, tmp_path: Path):
    state = dcmread(one_of(written_by(chest, tmp_path / "out"), ResultKind.GSPS))

    (annotation,) = state.GraphicAnnotationSequence
    polygon = chest[1].findings[0].region.polygon
    assert list(annotation.GraphicObjectSequence[0].GraphicData) == [number for corner in polygon for number in corner]
    assert annotation.TextObjectSequence[0].UnformattedTextValue == "AI Fortætning 87 %"
    assert "VOILUTSequence" not in state
    assert "SoftcopyVOILUTSequence" not in state


def test_drawings_of_a_mask_surround_it_on_each_of_its_slices(mapped, tmp_path: Path):
    state = dcmread(one_of(written_by(mapped, tmp_path / "out"), ResultKind.GSPS))

    assert len(state.GraphicAnnotationSequence) == 4
    for annotation in state.GraphicAnnotationSequence:
        boxes = [np.reshape(one.GraphicData, (-1, 2)) for one in annotation.GraphicObjectSequence]
        # Rows 10 to 18 and 40 to 46, columns 20 to 30, two pixels of room.
        assert [(*box.min(axis=0), *box.max(axis=0)) for box in boxes] == [(18, 8, 32, 20), (18, 38, 32, 48)]


def test_a_printed_report_is_a_pdf_in_the_language_of_the_site(chest, tmp_path: Path):
    document = dcmread(one_of(written_by(chest, tmp_path / "out"), ResultKind.PDF))

    assert document.EncapsulatedDocument.startswith(b"%PDF-")
    assert document.MIMETypeOfEncapsulatedDocument == "application/pdf"
    assert document.DocumentTitle == "AI - IKKE TIL DIAGNOSE - AI-analyse af en billedundersøgelse"
    assert document.BurnedInAnnotation == "YES"


def test_who_takes_no_segmentation_gets_no_report_that_names_one(mapped, tmp_path: Path):
    segmentations = {"1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7"}
    read_back: Callable[[WrittenObject], str] = lambda one: dcmread(one.path).to_json()  # noqa: E731

    for profile in PROFILES:
        mine = [one for one in written_by(mapped, tmp_path / "out") if one.audience.includes(profile)]
        reports = [read_back(one) for one in mine if one.kind is ResultKind.SR]
        sent = {one.sop_class_uid for one in mine} & segmentations
        assert len(reports) == 1
        assert {one for one in segmentations if one in reports[0]} == sent


def test_a_picture_goes_where_no_report_is_taken_though_another_takes_one(chest, tmp_path: Path):
    instances, report, radiograph = chest
    silent = replace(report, findings=(), outcome=report.outcome.NO_FINDING)

    written = write_results(
        silent, study_of(instances), radiograph, [(ResultKind.SR, ResultKind.SC), (ResultKind.SC,)], tmp_path / "out"
    )

    both, only_pictures = (
        [one.kind for one in written if one.audience.includes(profile)]
        for profile in ((ResultKind.SR, ResultKind.SC), (ResultKind.SC,))
    )
    assert both == [ResultKind.SR]
    assert only_pictures == [ResultKind.SC]


def test_a_picture_can_be_opened(chest, tmp_path: Path):
    path = one_of(written_by(chest, tmp_path / "out"), ResultKind.SC)

    assert dcmread(io.BytesIO(path.read_bytes())).pixel_array.shape[2] == 3
