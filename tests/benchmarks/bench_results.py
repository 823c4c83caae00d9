"""Times what is said: a SEG and an SR beside highdicom's, and all that composing does for a radiograph and a CT.

Processor time of one thread (SEG and SR) and of the process (composing), in turns, so that a busy machine is busy for
both sides. ``make bench-results``; see docs/benchmarks.md.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import highdicom as hd
import numpy as np
import psutil
from factories.dicom import ct_series
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from sample_studies import samples, write_fresh
from scipy import ndimage

from dicom_io.codes import CUBIC_MILLIMETRE, LUNG, VOLUME, Code
from dicom_io.findings import AlgorithmIdentity, Finding, Measurement, Outcome, Region, Report, Segment
from dicom_io.headers import assemble_study, read_header
from dicom_io.pixels import read_radiograph
from dicom_io.results.kinds import ResultKind
from dicom_io.results.rehearsal import rehearse
from dicom_io.results.write import write_results
from dicom_io.study import Study
from dicom_io.volume import Radiograph, Volume
from dicom_io.volumes import read_volume

_SLICES, _SIZE, _LABELS = 300, 512, 5
_AIM_RATIO = 1 / 3
_NODULE = Code(value="27925004", scheme="SCT", meaning="Nodule")
_PROFILE = (ResultKind.SR, ResultKind.SEG, ResultKind.SC)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Something to compose."""

    name: str
    study: Study
    pixels: Radiograph | Volume | None
    report: Report


def main() -> None:
    options = _options()
    print(f"\n{platform.platform()}, {psutil.cpu_count()} cores, load before {psutil.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as scratch:
        rehearse()
        _compare(Path(scratch), options.rounds)
        _compose(Path(scratch), options.compositions)
    print(f"\nload after {psutil.getloadavg()[0]:.1f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds of SEG and SR on each side (default 5)")
    parser.add_argument("--compositions", type=int, default=20, help="compositions of each study (default 20)")
    return parser.parse_args()


def _compare(scratch: Path, rounds: int) -> None:
    headers = _headers()
    study = assemble_study([read_header(path).at(path) for path in _written(headers, scratch / "source")])
    labels = _labels()
    uids = tuple(str(header.SOPInstanceUID) for header in headers)
    segments = [Segment(mask=labels == number, sop_instance_uids=uids) for number in range(1, _LABELS + 1)]
    ours = _report(study, [_finding(number, segment=one) for number, one in enumerate(segments, start=1)])
    ways: dict[str, Callable[[int], object]] = {
        "Varsel": lambda n: write_results(
            _unseen(ours), study, None, [(ResultKind.SR, ResultKind.SEG)], scratch / f"v{n}"
        ),
        "highdicom": lambda n: _by_highdicom(headers, labels, scratch / f"h{n}"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            began = time.process_time()
            way(number)
            if number:
                times[name].append((time.process_time() - began) * 1e3)
    low, middle, high = _ratio(times["Varsel"], times["highdicom"])
    print(
        f"\nSEG of {_LABELS} labels over {_SLICES} slices of {_SIZE} x {_SIZE}, and its SR; {rounds} rounds in turns\n"
    )
    print("| | processor time p50, ms | ratio to highdicom [95 % interval] |")
    print("|---|---|---|")
    ours_ms = np.median(times["Varsel"])
    print(f"| Varsel: build, check, write, sync | {ours_ms:.0f} | {middle:.3f} [{low:.3f}, {high:.3f}] |")
    print(f"| highdicom: build, write | {np.median(times['highdicom']):.0f} | 1 |")
    print(f"\naim: at most {_AIM_RATIO:.2f}")


def _compose(scratch: Path, rounds: int) -> None:
    print(f"\nComposing SR, SEG and SC: picture, building, checks, digest, writing, sync; {rounds} each after 2\n")
    print("| study | processor time p50, ms | wall clock p50 | wall clock p95 |")
    print("|---|---|---|---|")
    for case in _cases(scratch):
        spent, waited = [], []
        for number in range(rounds + 2):
            report = _unseen(case.report)
            began, clock = time.process_time(), time.perf_counter()
            write_results(report, case.study, case.pixels, [_PROFILE], scratch / f"c{number}")
            spent.append((time.process_time() - began) * 1e3)
            waited.append((time.perf_counter() - clock) * 1e3)
        p50, p95 = np.percentile(waited[2:], (50, 95))
        print(f"| {case.name} | {np.median(spent[2:]):.0f} | {p50:.0f} | {p95:.0f} |")


def _cases(scratch: Path) -> list[Case]:
    xray, _, ct = samples(plain=False)
    cases = []
    for sample in (xray, ct):
        _, files = write_fresh(sample, scratch / sample.name.replace(" ", "-"), "1")
        study = assemble_study(read_header(path).at(path) for path in files)
        if len(files) == 1:
            radiograph = read_radiograph(study.instances[0])
            polygon = tuple((600 + 300 * np.cos(t), 900 + 200 * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 40))
            region = Region(sop_instance_uid=radiograph.sop_instance_uid, polygon=(*polygon[:-1], polygon[0]))
            report = _report(study, [replace(_finding(1), region=region)])
            cases.append(Case(name=sample.name, study=study, pixels=radiograph, report=report))
        else:
            volume = read_volume(study.series[0])
            marked, count = ndimage.label(volume.voxels > 500)
            segments = [
                Segment(mask=marked == number, sop_instance_uids=volume.sop_instance_uids)
                for number in range(1, count + 1)
            ]
            report = _report(study, [_finding(number, segment=one) for number, one in enumerate(segments, start=1)])
            cases.append(Case(name=sample.name, study=study, pixels=volume, report=report))
    return cases


def _unseen(report: Report) -> Report:
    """*report* with nothing counted yet: a mask remembers its areas."""
    return replace(
        report,
        findings=tuple(
            one if one.segment is None else replace(one, segment=replace(one.segment)) for one in report.findings
        ),
    )


def _report(study: Study, findings: Sequence[Finding]) -> Report:
    return Report(
        study_instance_uid=study.study_instance_uid,
        generation=1,
        outcome=Outcome.FINDING,
        algorithm=AlgorithmIdentity(name="benchmark", version="1", digest="ab" * 32),
        findings=tuple(findings),
        source_uids=tuple(one.sop_instance_uid for one in study.instances),
        scores={},
        created_at="2026-01-02T03:04:05+00:00",
    )


def _finding(number: int, segment: Segment | None = None) -> Finding:
    return Finding(
        key=f"nodule-{number}",
        label="nodule",
        concept=_NODULE,
        site=LUNG,
        text=f"Nodule {number}",
        tracking_uid=f"2.25.{number}",
        probability=0.9,
        threshold=0.5,
        segment=segment,
        measurements=(Measurement(concept=VOLUME, value=420.0, unit=CUBIC_MILLIMETRE),),
    )


def _headers() -> list[Dataset]:
    headers = ct_series(_SLICES, size=(8, 8))
    for header in headers:
        header.Rows = header.Columns = _SIZE
        del header.PixelData
    return headers


def _written(headers: Sequence[Dataset], directory: Path) -> list[Path]:
    directory.mkdir()
    paths = [directory / f"{number}.dcm" for number in range(len(headers))]
    for header, path in zip(headers, paths, strict=True):
        header.save_as(path, enforce_file_format=True)
    return paths


def _labels() -> np.ndarray:
    """Five boxes through every slice."""
    labels = np.zeros((_SLICES, _SIZE, _SIZE), dtype=np.uint8)
    for number in range(1, _LABELS + 1):
        labels[:, 60 * number : 60 * number + 50, 100:300] = number
    return labels


def _by_highdicom(headers: Sequence[Dataset], labels: np.ndarray, directory: Path) -> None:
    """The same two objects as its documentation makes them."""
    directory.mkdir()
    algorithm = hd.AlgorithmIdentificationSequence(
        name="benchmark", version="1", family=codes.cid7162.ArtificialIntelligence
    )
    maker = {
        "manufacturer": "Varsel",
        "manufacturer_model_name": "b",
        "software_versions": "1",
        "device_serial_number": "1",
    }
    masks = hd.seg.Segmentation(
        source_images=headers,
        pixel_array=labels,
        segmentation_type="BINARY",
        segment_descriptions=[_described(number, algorithm) for number in range(1, _LABELS + 1)],
        series_instance_uid=hd.UID(),
        series_number=1,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        **maker,
    )
    masks.save_as(directory / "seg.dcm", enforce_file_format=True)
    document = hd.sr.Comprehensive3DSR(
        evidence=[*headers, masks],
        content=_content(headers, masks),
        series_instance_uid=hd.UID(),
        series_number=2,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        **maker,
    )
    document.save_as(directory / "sr.dcm", enforce_file_format=True)


def _described(number: int, algorithm: hd.AlgorithmIdentificationSequence) -> hd.seg.SegmentDescription:
    return hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=f"Nodule {number}",
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Nodule,
        algorithm_type="AUTOMATIC",
        algorithm_identification=algorithm,
        tracking_uid=f"2.25.{number}",
        tracking_id=f"Nodule {number}",
    )


def _content(headers: Sequence[Dataset], masks: Dataset) -> hd.sr.MeasurementReport:
    device = hd.sr.DeviceObserverIdentifyingAttributes(uid="2.25.1", name="benchmark")
    observer = hd.sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    groups = [_group(number, headers, masks) for number in range(1, _LABELS + 1)]
    return hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=codes.LN.CTUnspecifiedBodyRegion,
        imaging_measurements=groups,
    )


def _group(
    number: int, headers: Sequence[Dataset], masks: Dataset
) -> hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    images = [hd.sr.SourceImageForSegmentation(one.SOPClassUID, one.SOPInstanceUID) for one in headers]
    return hd.sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=f"2.25.{number}", identifier=f"Nodule {number}"),
        referenced_segment=hd.sr.ReferencedSegment(
            sop_class_uid=masks.SOPClassUID,
            sop_instance_uid=masks.SOPInstanceUID,
            segment_number=number,
            source_images=images,
        ),
        finding_type=codes.SCT.Nodule,
        measurements=[hd.sr.Measurement(name=codes.SCT.Volume, value=420.0, unit=codes.UCUM.CubicMillimeter)],
    )


def _ratio(ours: Sequence[float], theirs: Sequence[float]) -> tuple[float, float, float]:
    """Ratio of medians with its 95 % bootstrap interval: low, middle, high."""
    rng, a, b = np.random.default_rng(1), np.array(ours), np.array(theirs)
    drawn = [np.median(a[pick]) / np.median(b[pick]) for pick in rng.integers(0, len(a), (2000, len(a)))]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(np.median(a) / np.median(b)), float(high)


if __name__ == "__main__":
    main()
