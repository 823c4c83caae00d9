"""Results between their encoded form and pydicom's, so that a test can read them or break them."""

import io

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from dicom_io.findings import Report
from dicom_io.results.draft import Draft
from dicom_io.results.kinds import ResultKind
from dicom_io.results.measurement_report import measurement_report
from dicom_io.results.provenance import provenance_of
from dicom_io.results.source import read_sources
from dicom_io.study import Study


def report_draft(report: Report, study: Study, masks: ResultKind | None = ResultKind.SEG) -> Draft:
    """The SR of *report* as it would be written."""
    sources = read_sources(study, report.source_uids)
    return measurement_report(report, provenance_of(report, sources), sources, masks)


def opened(draft: Draft) -> Dataset:
    """What pydicom reads of it."""
    return dcmread(io.BytesIO(b"".join(draft.parts)))


def encoded(dataset: Dataset) -> tuple[bytes, ...]:
    """The elements of *dataset* as they would leave."""
    elements = []
    for element in dataset:
        buffer = DicomBytesIO()
        buffer.is_implicit_VR, buffer.is_little_endian = False, True
        write_data_element(buffer, element, ["utf_8"])
        elements.append(buffer.getvalue())
    return tuple(elements)
