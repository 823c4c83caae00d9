"""Headers and pixels against a pydicom loop, in alternating rounds; prints Markdown tables.

make bench-pixels [ARGS='--rounds 5 --slices 100 --files 2000']
"""

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import psutil
from pydicom import dcmread, uid
from pydicom.dataset import Dataset

from dicom_io.headers import assemble_study, read_header
from dicom_io.volumes import read_volume
from tests.factories.dicom import ct_series, write
from tests.factories.dicom_pixels import LOSSLESS, compressed

_TAGS = (
    *("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "SOPClassUID", "Modality"),
    *("BodyPartExamined", "InstanceNumber", "Rows", "Columns", "PatientID"),
)
_IMAGES_OF_A_STUDY = 10
#: Syntax, pydicom's decoder ("" = its first), and the ratio that is aimed at, pydicom to us; None where none is.
_VOLUMES: tuple[tuple[str, str, float | None], ...] = (
    (uid.ExplicitVRLittleEndian, "", 4.0),
    (uid.JPEG2000Lossless, "pylibjpeg", 1.8),
    # GDCM decodes one slice on all processors, so two slices at once gain nothing over it.
    (uid.JPEG2000Lossless, "gdcm", None),
    (uid.JPEGLSLossless, "pyjpegls", None),
    (uid.JPEGLosslessSV1, "gdcm", None),
    (uid.RLELossless, "pydicom", None),
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Seconds of each round, by the clock and of processor time, ours and the peer's."""

    name: str
    ours: list[tuple[float, float]] = field(default_factory=list)
    theirs: list[tuple[float, float]] = field(default_factory=list)


def main() -> None:
    options = _options()
    print(
        f"\n{platform.platform()}, {psutil.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {options.rounds} rounds"
    )
    print_row("task", "files", "pydicom, ms", "Varsel, ms", "times faster [95 %]", "times less CPU", "aim", "equal")
    print_row(*["---"] * 8)
    with tempfile.TemporaryDirectory() as scratch:
        series = _series(options.slices)
        for syntax, plugin, aim in _VOLUMES:
            if options.only in (None, uid.UID(syntax).name):
                paths = write([_as(one, syntax) for one in series], Path(scratch) / syntax)
                name = f"volume, {uid.UID(syntax).name}" + (f" (pydicom with {plugin})" if plugin else "")
                _compare(name, paths, (partial(_their_volume, plugin=plugin), _our_volume), aim, options.rounds)
        if options.only in (None, "headers"):
            paths = write(_small(options.files, series[0]), Path(scratch) / "headers")
            _compare("ten tags of each header", paths, (_their_headers, _our_headers), 5.0, options.rounds)
    print(f"\nload at the end {os.getloadavg()[0]:.1f}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--only", help="name of one transfer syntax, or 'headers'")
    return parser.parse_args()


def _series(slices: int) -> list[Dataset]:
    """A body in air with the noise of a CT, and a header of the usual length."""
    rows, columns = np.mgrid[-1:1:512j, -1:1:512j]
    body = np.where(rows**2 + (columns / 1.4) ** 2 < 0.4, 1064.0, 24.0)
    generator = np.random.default_rng(5)
    series = ct_series(slices, size=(512, 512))
    for one in series:
        one.PixelData = np.clip(body + generator.normal(0, 12, body.shape), 0, 4095).astype("<u2").tobytes()
        _lengthen(one)
    return series


def _lengthen(dataset: Dataset) -> None:
    # As many elements as scanners write, a third of them private and in sequences; made up.
    private = dataset.private_block(0x0019, "MADE UP", create=True)
    for number in range(30):
        private.add_new(number, "LO", f"value {number}")
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = "1", "99X", "made up"
    dataset.ProcedureCodeSequence = [item]
    dataset.RequestAttributesSequence = [item]
    for keyword in ("ManufacturerModelName", "StationName", "InstitutionName", "ProtocolName", "ConvolutionKernel"):
        setattr(dataset, keyword, "made up")


def _as(dataset: Dataset, syntax: str) -> Dataset:
    if syntax == uid.ExplicitVRLittleEndian:
        return dataset
    pixels = np.frombuffer(dataset.PixelData, "<u2").reshape(dataset.Rows, dataset.Columns)
    if syntax == uid.RLELossless:
        return compressed(dataset, syntax, [_rle(pixels)])
    return compressed(dataset, syntax, [LOSSLESS[syntax](pixels)])


def _rle(pixels: np.ndarray) -> bytes:
    planes = [imagecodecs.packbits_encode(plane.astype(np.uint8)) for plane in (pixels >> 8, pixels & 0xFF)]
    planes = [plane + b"\0" * (len(plane) % 2) for plane in planes]
    header = np.zeros(16, "<u4")
    header[:3] = 2, 64, 64 + len(planes[0])
    return header.tobytes() + b"".join(planes)


def _small(files: int, template: Dataset) -> list[Dataset]:
    """Studies of a few images each: what the images of a series share, Varsel parses once."""
    template.Rows = template.Columns = 64
    template.PixelData = bytes(64 * 64 * 2)
    images: list[Dataset] = []
    for number in range(0, files, _IMAGES_OF_A_STUDY):
        image = deepcopy(template)
        image.StudyInstanceUID, image.SeriesInstanceUID = f"1.2.{number}", f"1.2.{number}.1"
        image.PatientID = f"made up {number}"
        images += [image] * _IMAGES_OF_A_STUDY
    return images[:files]


def _compare(
    name: str, paths: list[Path], sides: tuple[Callable[..., Any], Callable[..., Any]], aim: float | None, rounds: int
) -> None:
    pair = Pair(name=name)
    theirs, ours = sides
    equal = np.array_equal(theirs(paths), ours(paths))
    for _ in range(rounds):
        pair.theirs.append(_seconds(theirs, paths))
        pair.ours.append(_seconds(ours, paths))
    their_seconds, their_cpu = np.array(pair.theirs).T
    our_seconds, our_cpu = np.array(pair.ours).T
    low, middle, high = _ratio(their_seconds, our_seconds)
    verdict = "" if aim is None else f"{aim:g}: {'met' if middle >= aim else 'missed'}"
    print_row(
        *(name, str(len(paths)), f"{np.median(their_seconds) * 1e3:.0f}", f"{np.median(our_seconds) * 1e3:.0f}"),
        *(f"{middle:.2f} [{low:.2f}, {high:.2f}]", f"{np.median(their_cpu) / np.median(our_cpu):.2f}"),
        *(verdict, "yes" if equal else "NO"),
    )


def _their_volume(paths: Sequence[Path], *, plugin: str = "") -> np.ndarray:
    datasets = sorted((dcmread(path) for path in paths), key=lambda one: one.ImagePositionPatient[2])
    volume = np.empty((len(datasets), datasets[0].Rows, datasets[0].Columns), np.float32)
    for target, one in zip(volume, datasets, strict=True):
        one.pixel_array_options(decoding_plugin=plugin)
        target[:] = one.pixel_array * np.float32(one.RescaleSlope) + np.float32(one.RescaleIntercept)
    return volume


def _our_volume(paths: Sequence[Path]) -> np.ndarray:
    (series,) = assemble_study(read_header(path) for path in paths).series
    return read_volume(series).voxels


def _their_headers(paths: Sequence[Path]) -> list[list[str]]:
    read = partial(dcmread, stop_before_pixels=True)
    return [[str(dataset.get(tag)) for tag in _TAGS] for dataset in map(read, paths)]


def _our_headers(paths: Sequence[Path]) -> list[list[str]]:
    return [
        [
            str(value)
            for value in (
                *(one.study_instance_uid, one.series_instance_uid, one.instance.sop_instance_uid),
                *(one.instance.sop_class_uid, one.modality, one.body_part, one.instance.instance_number),
                *(one.instance.rows, one.instance.columns, one.patient_id),
            )
        ]
        for one in map(read_header, paths)
    ]


def _seconds(work: Callable[..., Any], paths: Sequence[Path]) -> tuple[float, float]:
    started, began = time.perf_counter(), time.process_time()
    work(paths)
    return time.perf_counter() - started, time.process_time() - began


def _ratio(theirs: np.ndarray, ours: np.ndarray) -> tuple[float, float, float]:
    """Ratio of medians with its 95 % bootstrap interval: low, middle, high."""
    picks = np.random.default_rng(1).integers(0, len(ours), (5000, len(ours)))
    drawn = np.median(theirs[picks], axis=1) / np.median(ours[picks], axis=1)
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(np.median(theirs) / np.median(ours)), float(high)


def print_row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
