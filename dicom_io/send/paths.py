"""Sending whatever DICOM files lie under some paths, with a word on each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from dicom_io.errors import DicomIoError
from dicom_io.headers import read_header
from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import SendResult, send_instances
from dicom_io.study import Instance


class PathOutcome(Enum):
    """What became of one path."""

    #: The destination took it.
    SENT = "sent"
    #: It is no DICOM file that can be sent.
    SKIPPED = "skipped"
    #: The destination did not take it.
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class PathResult:
    """The word on one file."""

    #: The file.
    path: Path
    #: What became of it.
    outcome: PathOutcome
    #: Why it was skipped or failed; empty when sent.
    reason: str = ""


def send_paths(
    paths: Iterable[Path], address: DicomAddress, on_result: Callable[[PathResult], None]
) -> tuple[PathResult, ...]:
    """Send every DICOM file at or under *paths* in its own transfer syntax; *on_result* hears of each as it happens.

    Raises:
        UnreachableError: no association with *address* could be made.
        FileNotFoundError: one of the *paths* does not exist.
    """
    results = []
    instances = []
    for path in _files(paths):
        found = _read(path)
        if isinstance(found, PathResult):
            results.append(found)
            on_result(found)
        else:
            instances.append(found)
    for sent in send_instances(instances, address):
        results.append(_path_result(sent))
        on_result(results[-1])
    return tuple(results)


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from sorted(file for file in path.rglob("*") if file.is_file())
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"{str(path)!r} does not exist; required: a DICOM file or a directory of them.")


def _read(path: Path) -> Instance | PathResult:
    try:
        return read_header(path).instance
    except (DicomIoError, OSError) as error:
        return PathResult(path=path, outcome=PathOutcome.SKIPPED, reason=str(error))


def _path_result(sent: SendResult) -> PathResult:
    if sent.error is None:
        return PathResult(path=sent.instance.path, outcome=PathOutcome.SENT)
    return PathResult(path=sent.instance.path, outcome=PathOutcome.FAILED, reason=str(sent.error))
