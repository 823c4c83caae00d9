"""Results between their encoded form and pydicom's, so that a test can read them or break them."""

import io
import subprocess
from pathlib import Path

import numpy as np
from factories.dicom import cr_image, ct_series, write
from peers import find_program
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_data_element

from dicom_io.codes import CUBIC_MILLIMETRE, DIAMETER, LUNG, MILLIMETRE, VOLUME, Code
from dicom_io.findings import AlgorithmIdentity, Finding, Measurement, Outcome, Region, Report, Segment
from dicom_io.headers import assemble_study, read_header
from dicom_io.results.draft import Draft
from dicom_io.results.kinds import ResultKind
from dicom_io.results.measurement_report import measurement_report
from dicom_io.results.provenance import provenance_of
from dicom_io.results.source import read_sources
from dicom_io.study import Instance, Study
from dicom_io.volume import Radiograph, Volume

ALGORITHM = AlgorithmIdentity(
    name="chest_xray_opacity", version="0.1.0", digest="ab" * 32, parameters=("threshold=0.5",)
)
OPACITY = Code(value="opacity", scheme="99VARSEL", meaning="Opacity")
NODULE = Code(value="27925004", scheme="SCT", meaning="Nodule")


def instances_of(datasets: list[Dataset], directory: Path) -> list[Instance]:
    return [read_header(path).at(path).instance for path in write(datasets, directory)]


def report_on(instances: list[Instance], study_uid: str, *findings: Finding, **changes: object) -> Report:
    values: dict[str, object] = {
        "study_instance_uid": study_uid,
        "generation": 1,
        "outcome": Outcome.FINDING if findings else Outcome.NO_FINDING,
        "algorithm": ALGORITHM,
        "findings": findings,
        "source_uids": tuple(one.sop_instance_uid for one in instances),
        "scores": {"Fortætning": 0.87},
        "created_at": "2026-01-02T03:04:05+00:00",
        "language": "da",
    }
    return Report(**(values | changes))  # type: ignore[arg-type]


def chest_case(directory: Path) -> tuple[list[Instance], Report, Radiograph]:
    image = cr_image(np.linspace(0, 4000, 600 * 500).reshape(600, 500).astype(np.uint16))
    image.SpecificCharacterSet = "ISO_IR 100"
    image.PatientName = "Ærø^Søren Åge"
    instances = instances_of([image], directory / "cr")
    uid = instances[0].sop_instance_uid
    polygon = ((100.0, 150.0), (220.0, 150.0), (220.0, 260.0), (100.0, 260.0), (100.0, 150.0))
    finding = Finding(
        key="opacity-1",
        label="opacity",
        concept=OPACITY,
        site=LUNG,
        text="Fortætning",
        tracking_uid="2.25.1234",
        probability=0.87,
        threshold=0.5,
        region=Region(sop_instance_uid=uid, polygon=polygon),
    )
    radiograph = Radiograph(
        pixels=image.pixel_array.astype(np.float32), value_range=(0, 4095), pixel_spacing_mm=None, sop_instance_uid=uid
    )
    return instances, report_on(instances, image.StudyInstanceUID, finding), radiograph


def nodule_case(directory: Path) -> tuple[list[Instance], Report, Volume]:
    datasets = ct_series(12, size=(64, 64))
    instances = instances_of(datasets, directory / "ct")
    uids = tuple(one.sop_instance_uid for one in instances)
    findings = []
    for number, rows in enumerate((slice(10, 18), slice(40, 46)), start=1):
        mask = np.zeros((12, 64, 64), dtype=np.bool_)
        mask[4:8, rows, 20:30] = True
        findings.append(
            Finding(
                key=f"nodule-{number}",
                label="nodule",
                concept=NODULE,
                site=LUNG,
                text=f"Nodulus {number}",
                tracking_uid=f"2.25.{number}",
                probability=0.9,
                threshold=0.5,
                segment=Segment(mask=mask, sop_instance_uids=uids),
                measurements=(
                    Measurement(concept=DIAMETER, value=9.4, unit=MILLIMETRE),
                    Measurement(concept=VOLUME, value=420.0, unit=CUBIC_MILLIMETRE),
                ),
            )
        )
    volume = Volume(
        voxels=np.full((12, 64, 64), -800, dtype=np.float32),
        spacing_mm=(2.5, 0.8, 0.7),
        affine=np.eye(4),
        sop_instance_uids=uids,
        series_instance_uid=str(datasets[0].SeriesInstanceUID),
    )
    return instances, report_on(instances, str(datasets[0].StudyInstanceUID), *findings), volume


def study_of(instances: list[Instance]) -> Study:
    return assemble_study(read_header(one.path).at(one.path) for one in instances)


def faults_of(path: Path) -> list[str]:
    """Error lines of dciodvfy."""
    program = find_program("dciodvfy", "apt-get install dicom3tools")
    done = subprocess.run([program, "-new", path], capture_output=True, check=False, timeout=60)
    told = (done.stdout + done.stderr).decode(errors="replace")
    return [line for line in told.splitlines() if line.startswith("Error")]


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
