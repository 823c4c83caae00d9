"""Taking back: a rejection note for earlier results, and a new SR that names its predecessor."""

from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pytest
from factories.results import faults_of, study_of
from pydicom import dcmread

from dicom_io.findings import EarlierReport
from dicom_io.results.kinds import ResultKind
from dicom_io.results.withdrawal import EarlierObject, Withdrawal, WithdrawalReason, write_withdrawal
from dicom_io.results.write import WrittenObject, write_results

PROFILES = [(ResultKind.SR, ResultKind.SEG, ResultKind.SC, ResultKind.KOS)]


def withdrawal_of(written: tuple[WrittenObject, ...], case, reason: WithdrawalReason) -> Withdrawal:
    _, report, _ = case
    objects = tuple(
        EarlierObject(
            sop_class_uid=one.sop_class_uid,
            sop_instance_uid=one.sop_instance_uid,
            series_instance_uid=one.series_instance_uid,
            path=one.path,
        )
        for one in written
    )
    return Withdrawal(
        study_instance_uid=report.study_instance_uid,
        objects=objects,
        reason=reason,
        algorithm=report.algorithm,
        created_at="2026-01-03T08:00:00+00:00",
        language="da",
    )


@pytest.fixture
def written(nodules, tmp_path: Path) -> tuple[WrittenObject, ...]:
    instances, report, volume = nodules
    return write_results(report, study_of(instances), volume, PROFILES, tmp_path / "out")


@pytest.mark.parametrize(
    ("reason", "title", "modifier"),
    [
        (WithdrawalReason.SUPERSEDED, "113001", "superseded"),
        (WithdrawalReason.WITHDRAWN, "113001", "withdrawn"),
        (WithdrawalReason.PATIENT_SAFETY, "113037", None),
    ],
)
def test_a_note_names_every_object_and_why(nodules, written, reason, title, modifier, tmp_path: Path):
    note = write_withdrawal(withdrawal_of(written, nodules, reason), tmp_path / "note")

    document = dcmread(note.path)
    assert document.ConceptNameCodeSequence[0].CodeValue == title
    values = [one.ConceptCodeSequence[0].CodeValue for one in document.ContentSequence if "ConceptCodeSequence" in one]
    assert (modifier in values) == (modifier is not None)
    named = {
        one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for one in document.ContentSequence
        if one.ValueType in ("IMAGE", "COMPOSITE")
    }
    assert named == {one.sop_instance_uid for one in written}
    assert faults_of(note.path) == []


def test_another_implementation_reads_the_note(nodules, written, tmp_path: Path):
    note = write_withdrawal(withdrawal_of(written, nodules, WithdrawalReason.WITHDRAWN), tmp_path / "note")

    document = hd.ko.KeyObjectSelectionDocument.from_dataset(dcmread(note.path))

    assert len(document.content.get_references()) == len(written)
    study, _, uid = document.resolve_reference(written[0].sop_instance_uid)
    assert (study, uid) == (nodules[1].study_instance_uid, written[0].sop_instance_uid)


def test_a_note_stands_in_the_patients_study(nodules, written, tmp_path: Path):
    note = dcmread(
        write_withdrawal(withdrawal_of(written, nodules, WithdrawalReason.WITHDRAWN), tmp_path / "note").path
    )
    source = dcmread(nodules[0][0].path)

    for keyword in ("PatientName", "PatientID", "PatientBirthDate", "StudyInstanceUID", "AccessionNumber", "StudyDate"):
        assert note[keyword].value == source[keyword].value, keyword


def test_a_repeated_note_is_the_same_object(nodules, written, tmp_path: Path):
    told = withdrawal_of(written, nodules, WithdrawalReason.SUPERSEDED)

    assert write_withdrawal(told, tmp_path / "a").sha256 == write_withdrawal(told, tmp_path / "b").sha256


def test_a_later_report_names_its_predecessor(nodules, written, tmp_path: Path):
    instances, report, volume = nodules
    earlier = next(one for one in written if one.kind is ResultKind.SR)
    predecessor = EarlierReport(
        sop_class_uid=earlier.sop_class_uid,
        sop_instance_uid=earlier.sop_instance_uid,
        series_instance_uid=earlier.series_instance_uid,
    )

    later = write_results(
        replace(report, generation=2, predecessors=(predecessor,)),
        study_of(instances),
        volume,
        [(ResultKind.SR,)],
        tmp_path / "later",
    )

    (study,) = dcmread(later[0].path).PredecessorDocumentsSequence
    assert study.StudyInstanceUID == report.study_instance_uid
    assert study.ReferencedSeriesSequence[0].SeriesInstanceUID == earlier.series_instance_uid
    (named,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == earlier.sop_instance_uid
    assert faults_of(later[0].path) == []
