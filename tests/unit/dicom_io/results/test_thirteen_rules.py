"""The rules of a TID 1500 report that no validator at hand checks, each on reports as they lie on disk.

Read with pydicom and highdicom, not with the gate's own reader: the gate may not be its own witness.
"""

import math
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import highdicom as hd
import pytest
from factories.results import nodule_case, study_of
from peers import find_program
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.findings import Finding, Outcome, Region, Report
from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import write_results

PROFILES = [(ResultKind.SR, ResultKind.SEG), (ResultKind.SR, ResultKind.LABELMAP), (ResultKind.SR,)]
#: Of (0008,xxxx) and (0010,xxxx), what a report must repeat of its source.
REPEATED = ("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyDate", "StudyTime")


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Dataset, Path, Report]]:
    """Reports of every way of placing, in every variant, and of the outcomes without finding."""
    directory = tmp_path_factory.mktemp("reports")
    instances, report, _ = nodule_case(directory)
    study = study_of(instances)
    mixed = replace(report, findings=(*report.findings, _planar(report), _unplaced(report)))
    silent = [
        replace(report, findings=(), outcome=outcome, reason="snitafstanden er 7 mm", generation=2 + number)
        for number, outcome in enumerate((Outcome.NO_FINDING, Outcome.NOT_ANALYSED, Outcome.FAILED))
    ]
    said = []
    for one in (mixed, *silent):
        written = write_results(one, study, None, PROFILES, directory / str(one.generation))
        said += [(dcmread(item.path), item.path, one) for item in written if item.kind is ResultKind.SR]
    assert len(said) == 5 + 3
    return said


def _planar(report: Report) -> Finding:
    polygon = ((1.5, 2.5), (9.5, 2.5), (9.5, 8.5), (1.5, 2.5))
    region = Region(sop_instance_uid=report.source_uids[0], polygon=polygon)
    return replace(report.findings[0], key="p-1", tracking_uid="2.25.8", segment=None, region=region)


def _unplaced(report: Report) -> Finding:
    return replace(report.findings[0], key="u-1", tracking_uid="2.25.9", segment=None)


def name_of(item: Dataset) -> str:
    names = item.get("ConceptNameCodeSequence")
    return names[0].CodeValue if names else ""


def below(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", []):
        yield child
        yield from below(child)


def groups_of(document: Dataset) -> list[Dataset]:
    found = [item for item in below(document) if name_of(item) == "125007"]
    assert found
    return found


def test_1_each_template_is_named(reports):
    templates = set()
    for document, _, _ in reports:
        root = document.ContentTemplateSequence[0]
        assert (root.MappingResource, root.TemplateIdentifier) == ("DCMR", "1500")
        templates |= {group.ContentTemplateSequence[0].TemplateIdentifier for group in groups_of(document)}
    assert templates == {"1410", "1411", "1501"}


def test_2_each_group_is_tracked_by_its_first_uid(reports):
    for document, _, _ in reports:
        for group in groups_of(document):
            names = [name_of(item) for item in group.ContentSequence]
            assert (names.count("112039"), names.count("112040")) == (1, 1)
            assert name_of(next(item for item in group.ContentSequence if item.ValueType == "UIDREF")) == "112040"


def test_3_a_finding_site_modifies_its_concept(reports):
    sites = [item for document, _, _ in reports for item in below(document) if name_of(item) == "363698007"]
    assert {item.RelationshipType for item in sites} == {"HAS CONCEPT MOD"}


def test_4_the_root_is_an_imaging_measurement_report(reports):
    for document, _, _ in reports:
        root = document.ConceptNameCodeSequence[0]
        assert (root.CodeValue, root.CodingSchemeDesignator) == ("126000", "DCM")


def test_5_the_image_library_names_every_image_that_was_read(reports):
    for document, _, report in reports:
        (library,) = [item for item in below(document) if name_of(item) == "111028"]
        listed = {
            item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
            for item in below(library)
            if item.ValueType == "IMAGE"
        }
        assert listed == set(report.source_uids)


def test_6_the_observer_is_a_device_with_all_its_names(reports):
    for document, _, _ in reports:
        told = {name_of(item): item for item in document.ContentSequence}
        assert told["121005"].ConceptCodeSequence[0].CodeValue == "121007"
        assert {"121012", "121013", "121014", "121015", "121016"} <= told.keys()


def test_7_each_group_names_algorithm_and_version(reports):
    for document, _, report in reports:
        for group in groups_of(document):
            told = {name_of(item): item.TextValue for item in group.ContentSequence if item.ValueType == "TEXT"}
            assert (told["111001"], told["111003"]) == (report.algorithm.name, report.algorithm.version)


def test_8_numbers_are_finite_short_and_in_ucum(reports):
    numbers = [item for document, _, _ in reports for item in below(document) if item.ValueType == "NUM"]
    assert numbers
    for item in numbers:
        (measured,) = item.MeasuredValueSequence
        assert measured.MeasurementUnitsCodeSequence[0].CodingSchemeDesignator == "UCUM"
        assert math.isfinite(float(measured.NumericValue))
        assert len(str(measured.NumericValue)) <= 16


def test_9_what_is_referred_to_was_read_or_is_ours(reports):
    for document, path, report in reports:
        made = {dcmread(one, stop_before_pixels=True).SOPInstanceUID for one in path.parent.glob("*.dcm")}
        named = {
            reference.ReferencedSOPInstanceUID
            for item in below(document)
            for reference in item.get("ReferencedSOPSequence", [])
        }
        assert named <= set(report.source_uids) | made


def test_10_a_report_is_complete_unverified_and_preliminary(reports):
    for document, _, _ in reports:
        flags = (document.CompletionFlag, document.VerificationFlag, document.PreliminaryFlag)
        assert flags == ("COMPLETE", "UNVERIFIED", "PRELIMINARY")


def test_11_no_member_of_staff_is_named(reports):
    for document, _, _ in reports:
        people = {element.keyword for element in document.iterall() if element.VR == "PN" and str(element.value)}
        assert people <= {"PatientName"}


def test_12_patient_and_study_are_byte_for_byte_those_of_the_source(reports, tmp_path: Path):
    source = dcmread(nodule_case(tmp_path)[0][0].path)
    for _, path, _ in reports:
        document = dcmread(path)
        for keyword in REPEATED:
            assert document.get_item(keyword).value == source.get_item(keyword).value, keyword


def test_13_highdicom_reads_the_same_numbers(reports):
    for _, path, report in reports:
        content = hd.sr.srread(path).content
        groups = [*content.get_planar_roi_measurement_groups(), *content.get_volumetric_roi_measurement_groups()]
        groups += content.get_image_measurement_groups()
        said = {finding.tracking_uid: finding for finding in report.findings}
        found = [group for group in groups if group.tracking_uid in said]
        # Without a finding, the outcome is the one group.
        assert len(groups) - len(found) == (0 if report.findings else 1)
        for group in found:
            finding = said[group.tracking_uid]
            numbers = [float(one.value) for one in group.get_measurements()]
            assert numbers == [finding.probability, *(one.value for one in finding.measurements)]


def test_dicom3tools_prints_the_tree(reports):
    """An independent reader finds the templates and codes where we say they stand."""
    program = find_program("dcsrdump", "apt-get install dicom3tools")
    document, path, _ = reports[0]
    done = subprocess.run([program, path], capture_output=True, check=False, timeout=60)
    told = (done.stdout + done.stderr).decode(errors="replace")
    assert told.count("Measurement Group") == len(groups_of(document))
    assert "Imaging Measurement Report" in told
