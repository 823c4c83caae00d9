"""Results on one frame of many: each names its frame, and tells the same as on single-frame images."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import highdicom as hd
import numpy as np
import pytest
from factories.dicom import ct_series, write
from factories.dicom_pixels import enhanced_of
from factories.results import faults_of, nodule_case, report_on
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.errors import ConformanceError
from dicom_io.findings import HeatMap, ImageName, Report
from dicom_io.headers import assemble_study, read_header
from dicom_io.results.kinds import ResultKind
from dicom_io.results.source import read_sources
from dicom_io.results.source_image import image_of
from dicom_io.results.write import write_results
from dicom_io.study import Study
from dicom_io.volume import Volume
from dicom_io.volumes import read_volume

#: Frame f + 1 of the object holds the slice ORDER[f].
ORDER = tuple(random.Random(3).sample(range(12), 12))


@dataclass(frozen=True, kw_only=True)
class Case:
    study: Study
    report: Report
    volume: Volume
    written: dict[ResultKind, Path]


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> tuple[Case, Case]:
    """One CT as single-frame images and as one object, and what is written of the same findings in each."""
    directory = tmp_path_factory.mktemp("frames")
    series = ct_series(12, size=(64, 64))
    classic = write(series, directory / "classic")
    enhanced = write([enhanced_of(series, ORDER)], directory / "enhanced")
    return _case(classic, directory / "a"), _case(enhanced, directory / "b")


def _case(paths: list[Path], directory: Path) -> Case:
    study = assemble_study(read_header(path) for path in paths)
    volume = read_volume(study.series[0])
    _, template, _ = nodule_case(directory)
    named = {"sop_instance_uids": volume.sop_instance_uids, "frame_numbers": volume.frame_numbers}
    findings = [
        replace(one, segment=replace(one.segment, **named)) for one in template.findings if one.segment is not None
    ]
    values = np.zeros(volume.voxels.shape, dtype=np.float32)
    values[3:9] = np.linspace(0, 1, values[3:9].size, dtype=np.float32).reshape(values[3:9].shape)
    heat_map = HeatMap(label="nodule", text="Nodulus", site=None, values=values, **named)
    report = report_on(list(study.instances), study.study_instance_uid, *findings, heat_maps=(heat_map,))
    written = write_results(report, study, volume, [tuple(ResultKind)], directory / "out")
    return Case(study=study, report=report, volume=volume, written={one.kind: one.path for one in written})


def opened(case: Case, kind: ResultKind) -> Dataset:
    return dcmread(case.written[kind])


def below(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from below(child)


def test_the_volume_is_that_of_single_frame_images(cases):
    classic, enhanced = (case.volume for case in cases)
    assert np.array_equal(classic.voxels, enhanced.voxels)
    assert np.array_equal(classic.affine, enhanced.affine)
    assert classic.spacing_mm == enhanced.spacing_mm


def test_no_validator_finds_an_error(cases):
    faults = {kind: faults_of(path) for kind, path in cases[1].written.items()}
    assert len(faults) >= 6
    assert {kind: told for kind, told in faults.items() if told} == {}


def test_highdicom_finds_the_masks_by_their_frames(cases):
    _, enhanced = cases
    masks = hd.seg.segread(enhanced.written[ResultKind.SEG])
    uid = enhanced.study.instances[0].sop_instance_uid
    frames = list(enhanced.volume.frame_numbers)
    pixels = masks.get_pixels_by_source_frame(
        uid, frames, ignore_spatial_locations=True, assert_missing_frames_are_empty=True
    )
    for number, finding in enumerate(enhanced.report.findings):
        assert np.array_equal(pixels[..., number], finding.segment.mask)


def test_masks_lie_where_those_on_single_frame_images_lie(cases):
    def places(case: Case) -> list[tuple[int, list[float]]]:
        return [
            (
                one.SegmentIdentificationSequence[0].ReferencedSegmentNumber,
                [float(value) for value in one.PlanePositionSequence[0].ImagePositionPatient],
            )
            for one in opened(case, ResultKind.SEG).PerFrameFunctionalGroupsSequence
        ]

    classic, enhanced = cases
    assert places(classic) == places(enhanced)
    shared = [opened(case, ResultKind.SEG).SharedFunctionalGroupsSequence[0].to_json() for case in cases]
    assert shared[0] == shared[1]


@pytest.mark.parametrize("kind", [ResultKind.SEG, ResultKind.LABELMAP, ResultKind.HEAT_MAP])
def test_each_frame_of_a_result_names_the_frame_it_was_derived_from(cases, kind: ResultKind):
    enhanced = cases[1]
    if kind not in enhanced.written:
        written = write_results(
            enhanced.report, enhanced.study, None, [(kind,)], enhanced.written[ResultKind.SR].parent / kind.value
        )
        (path,) = (one.path for one in written if one.kind is kind)
    else:
        path = enhanced.written[kind]
    positions = {
        number: enhanced.volume.affine[2, 3] + 2.5 * z for z, number in enumerate(enhanced.volume.frame_numbers)
    }
    for one in dcmread(path).PerFrameFunctionalGroupsSequence:
        source = one.DerivationImageSequence[0].SourceImageSequence[0]
        assert source.ReferencedSOPInstanceUID == enhanced.study.instances[0].sop_instance_uid
        z = float(one.PlanePositionSequence[0].ImagePositionPatient[2])
        assert positions[source.ReferencedFrameNumber] == pytest.approx(z)


def test_the_report_names_frames_for_each_finding(cases):
    enhanced = cases[1]
    report = hd.sr.srread(enhanced.written[ResultKind.SR])
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert len(groups) == 2
    for group, finding in zip(groups, enhanced.report.findings, strict=True):
        (source,) = (one for one in group[0].ContentSequence if one.ConceptNameCodeSequence[0].CodeValue == "121233")
        frames = source.ReferencedSOPSequence[0].ReferencedFrameNumber
        assert list(frames) == [enhanced.volume.frame_numbers[z] for z in np.flatnonzero(finding.segment.areas)]
        assert group.tracking_uid == finding.tracking_uid


def test_coordinates_lie_on_one_frame(cases):
    enhanced = cases[1]
    drawn = [one for one in below(opened(enhanced, ResultKind.SR)) if one.ValueType == "SCOORD"]
    assert drawn
    largest = enhanced.volume.frame_numbers[4]
    for one in drawn:
        assert one.ContentSequence[0].ReferencedSOPSequence[0].ReferencedFrameNumber == largest


def test_the_key_image_is_a_frame(cases):
    document = opened(cases[1], ResultKind.KOS)
    (image,) = (one for one in document.ContentSequence if one.ValueType == "IMAGE")
    assert image.ReferencedSOPSequence[0].ReferencedFrameNumber == cases[1].volume.frame_numbers[4]
    (series,) = document.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence
    assert len(series.ReferencedSOPSequence) == 1


def test_drawings_lie_on_their_frames(cases):
    state = opened(cases[1], ResultKind.GSPS)
    frames = {one.ReferencedImageSequence[0].ReferencedFrameNumber for one in state.GraphicAnnotationSequence}
    assert frames == {cases[1].volume.frame_numbers[z] for z in range(4, 8)}
    assert (state.RescaleIntercept, state.RescaleSlope, state.RescaleType) == (-1024, 1, "HU")
    (image,) = state.ReferencedSeriesSequence[0].ReferencedImageSequence
    assert set(image.ReferencedFrameNumber) == frames


def test_the_picture_names_its_frame(cases):
    source = opened(cases[1], ResultKind.SC).SourceImageSequence[0]
    assert source.ReferencedFrameNumber == cases[1].volume.frame_numbers[4]


def test_numbers_are_those_of_single_frame_images(cases):
    def numbers(case: Case) -> list[float]:
        items = below(opened(case, ResultKind.SR))
        return [float(one.MeasuredValueSequence[0].NumericValue) for one in items if one.ValueType == "NUM"]

    assert numbers(cases[0])
    assert numbers(cases[0]) == numbers(cases[1])


def test_no_frame_of_a_single_frame_image_is_named(cases):
    for path in cases[0].written.values():
        assert "00081160" not in dcmread(path).to_json()


def test_a_frame_that_the_object_does_not_have_is_refused(cases):
    sources = read_sources(cases[1].study, cases[1].report.source_uids)
    name = ImageName(sop_instance_uid=cases[1].study.instances[0].sop_instance_uid, frame_number=13)
    with pytest.raises(ConformanceError, match="frame 13 of an object with 12"):
        image_of(sources, name)
