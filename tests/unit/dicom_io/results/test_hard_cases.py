"""Sources that real archives hold, and reports that do not fit one object."""

from dataclasses import replace
from pathlib import Path

import highdicom as hd
import numpy as np
import numpy.typing as npt
import pytest
from factories.dicom import cr_image, ct_series, write
from factories.results import encoded, opened, report_draft
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.codes import LUNG, Code
from dicom_io.errors import ConformanceError
from dicom_io.findings import AlgorithmIdentity, Finding, Outcome, Region, Report, Segment
from dicom_io.headers import assemble_study, read_header
from dicom_io.results.conformance import check
from dicom_io.results.drawing import LONGEST_SIDE, Caption, Mark, draw_findings, ground_of
from dicom_io.results.kinds import ResultKind
from dicom_io.results.segmentation import marked
from dicom_io.results.source import read_sources
from dicom_io.results.write import write_results
from dicom_io.study import Study
from dicom_io.volume import Radiograph

NODULE = Code(value="27925004", scheme="SCT", meaning="Nodule")
BASIC = [(ResultKind.SR, ResultKind.SEG, ResultKind.SC)]
CAPTION = Caption(warning="NOT FOR DIAGNOSIS", provenance="model 1 · 2026-01-02 10:04", outcome="No finding")


def study_of(datasets: list[Dataset], directory: Path) -> Study:
    return assemble_study([read_header(path).at(path) for path in write(datasets, directory)])


def report_on(study: Study, *findings: Finding, outcome: Outcome = Outcome.FINDING) -> Report:
    return Report(
        study_instance_uid=study.study_instance_uid,
        generation=1,
        outcome=outcome,
        algorithm=AlgorithmIdentity(name="ct_lung_nodule", version="0.1.0", digest="cd" * 32),
        findings=findings,
        source_uids=tuple(one.sop_instance_uid for one in study.instances),
        scores={},
        created_at="2026-07-02T22:30:00+00:00",
    )


def finding(number: int) -> Finding:
    return Finding(
        key=f"nodule-{number}",
        label="nodule",
        concept=NODULE,
        site=LUNG,
        text=f"Nodule {number}",
        tracking_uid=f"2.25.{number}",
        probability=0.8,
        threshold=0.5,
    )


def with_mask(number: int, study: Study, *boxes: tuple[slice, slice, slice]) -> Finding:
    mask: npt.NDArray[np.bool_] = np.zeros((len(study.instances), 32, 32), dtype=np.bool_)
    for box in boxes:
        mask[box] = True
    uids = tuple(one.sop_instance_uid for one in study.instances)
    return replace(finding(number), segment=Segment(mask=mask, sop_instance_uids=uids))


def with_polygon(number: int, study: Study) -> Finding:
    uid = study.instances[0].sop_instance_uid
    polygon = ((1.5, 2.5), (9.5, 2.5), (9.5, 8.5), (1.5, 2.5))
    return replace(finding(number), region=Region(sop_instance_uid=uid, polygon=polygon))


@pytest.fixture
def ct(tmp_path: Path) -> Study:
    return study_of(ct_series(8, size=(32, 32)), tmp_path / "ct")


def test_planar_and_volumetric_findings_never_share_a_report(ct: Study, tmp_path: Path):
    box = (slice(2, 4), slice(3, 9), slice(3, 9))
    written = write_results(
        report_on(ct, with_polygon(1, ct), with_mask(2, ct, box)), ct, None, BASIC, tmp_path / "out"
    )

    reports = [dcmread(one.path) for one in written if one.kind is ResultKind.SR]
    counts = [
        (len(content.get_planar_roi_measurement_groups()), len(content.get_volumetric_roi_measurement_groups()))
        for content in (hd.sr.srread(one.path).content for one in written if one.kind is ResultKind.SR)
    ]

    assert sorted(counts) == [(0, 1), (1, 0)]
    assert len({one.SeriesInstanceUID for one in reports}) == 2


def test_a_mixed_report_is_refused_as_one_object(ct: Study):
    box = (slice(2, 4), slice(3, 9), slice(3, 9))
    report = report_on(ct, with_polygon(1, ct), with_mask(2, ct, box))

    with pytest.raises(ConformanceError, match="mixes planar, volumetric"):
        report_draft(report, ct)


def test_masks_that_overlap_are_kept_whole(ct: Study, tmp_path: Path):
    first = with_mask(1, ct, (slice(2, 5), slice(3, 12), slice(3, 12)))
    second = with_mask(2, ct, (slice(3, 6), slice(8, 20), slice(8, 20)))
    report = report_on(ct, first, second)

    write_results(report, ct, None, [(ResultKind.SEG,)], tmp_path / "out")

    (path,) = (tmp_path / "out").glob("*.dcm")
    masks = hd.seg.segread(path)
    assert masks.SegmentsOverlap == "YES"
    frames = masks.get_pixels_by_source_instance(list(report.source_uids[2:6]), combine_segments=False)
    for index, one in enumerate((first, second)):
        assert np.array_equal(frames[..., index].astype(bool), one.segment.mask[2:6])


def test_an_empty_mask_makes_no_segmentation(ct: Study):
    report = report_on(ct, with_mask(1, ct))

    assert marked(report) is None


def test_masks_told_without_a_segmentation_refer_to_none(ct: Study, tmp_path: Path):
    report = report_on(ct, with_mask(1, ct, (slice(2, 4), slice(3, 9), slice(3, 9))))

    (written,) = write_results(report, ct, None, [(ResultKind.SR,)], tmp_path / "out")

    assert "Segmentation Storage" not in str(dcmread(written.path))


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.NO_FINDING, "no-finding"), (Outcome.NOT_ANALYSED, "not-analysed"), (Outcome.FAILED, "failed")],
)
def test_each_outcome_has_its_own_code(outcome: Outcome, code: str, ct: Study, tmp_path: Path):
    (written,) = write_results(report_on(ct, outcome=outcome), ct, None, BASIC, tmp_path / "out")

    (group,) = hd.sr.srread(written.path).content.get_image_measurement_groups()
    # highdicom's reader counts the algorithm's family (CID 7162) as an evaluation, too.
    ours = [one.value.value for one in group.get_qualitative_evaluations() if one.value.scheme_designator == "99VARSEL"]
    assert ours == [code]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("PatientSex", ""), ("PatientBirthDate", ""), ("PatientName", "Æblerød^Åse=Ole"), ("StudyTime", "")],
)
def test_what_the_source_says_of_the_patient_is_repeated(keyword: str, value: str, tmp_path: Path):
    image = cr_image()
    setattr(image, keyword, value)
    study = study_of([image], tmp_path / "cr")

    (written,) = write_results(report_on(study, with_polygon(1, study)), study, None, BASIC, tmp_path / "out")

    assert str(dcmread(written.path).get(keyword)) == value


@pytest.mark.parametrize(
    "keyword", ["PatientBirthDate", "AccessionNumber", "ReferringPhysicianName", "PatientOrientation"]
)
def test_a_source_may_lack_what_it_should_have(keyword: str, tmp_path: Path):
    image = cr_image()
    delattr(image, keyword)
    study = study_of([image], tmp_path / "cr")
    uid = study.instances[0].sop_instance_uid
    pixels = Radiograph(
        pixels=np.zeros((24, 20), dtype=np.float32), value_range=(0, 1), pixel_spacing_mm=None, sop_instance_uid=uid
    )

    written = write_results(report_on(study, with_polygon(1, study)), study, pixels, BASIC, tmp_path / "out")

    assert [one.kind for one in written] == [ResultKind.SR, ResultKind.SC]


def test_times_stand_on_the_hospitals_clock(ct: Study, tmp_path: Path):
    (written,) = write_results(report_on(ct, outcome=Outcome.NO_FINDING), ct, None, BASIC, tmp_path / "out")

    document = dcmread(written.path)
    assert (document.ContentDate, document.ContentTime) == ("20260703", "003000")


def test_a_time_without_offset_is_refused(ct: Study, tmp_path: Path):
    report = replace(report_on(ct, outcome=Outcome.NO_FINDING), created_at="2026-07-02T22:30:00")

    with pytest.raises(ConformanceError, match="ISO 8601 with offset"):
        write_results(report, ct, None, BASIC, tmp_path / "out")


def test_an_image_that_was_not_read_is_refused(ct: Study):
    with pytest.raises(ConformanceError, match="not in the study"):
        read_sources(ct, ("1.2.3",))


@pytest.mark.parametrize(
    ("keyword", "value", "rule"),
    [
        ("VerificationFlag", "VERIFIED", "UNVERIFIED"),
        ("SpecificCharacterSet", "ISO_IR 100", "ISO_IR 192"),
        ("SeriesDescription", "Findings", "start with AI"),
        ("OperatorsName", "Somebody", "names a person"),
    ],
)
def test_a_broken_rule_is_named(keyword: str, value: str, rule: str, ct: Study):
    report = report_on(ct, outcome=Outcome.NO_FINDING)
    sources = read_sources(ct, report.source_uids)
    document = opened(report_draft(report, ct))
    setattr(document, keyword, value)

    with pytest.raises(ConformanceError, match=rule):
        check(encoded(document), sources)


def test_a_mark_at_the_edge_stays_in_the_picture():
    pixels = np.zeros((40, 60), dtype=np.float32)
    mask = np.zeros((40, 60), dtype=np.bool_)
    mask[:6, :6] = True
    polygon = ((50.0, 30.0), (60.0, 30.0), (60.0, 40.0), (50.0, 30.0))

    marks = [Mark(label="A", mask=mask), Mark(label="B", polygon=polygon)]
    rgb = np.asarray(draw_findings(ground_of(pixels, (0, 1)), marks, CAPTION))

    assert rgb.shape[1] == LONGEST_SIDE
    assert rgb.shape[2] == 3
    cyan = (rgb[..., 2] > 200) & (rgb[..., 0] < 120)
    assert cyan.any(axis=1).sum() > 100
