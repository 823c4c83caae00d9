"""Fetching studies by QIDO-RS and WADO-RS (PS3.18 10.6, 10.4)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from dicom_io.errors import RejectedError, UnreachableError
from dicom_io.receive.files import OfferedFile, take_file
from dicom_io.receive.inbox import Inbox
from dicom_io.receive.multipart import MultipartLimits, MultipartReader, TooLargeError, boundary_of
from dicom_io.receive.neck import Neck
from dicom_io.receive.statuses import StoreStatus
from dicom_io.receive.stow import DICOM_MEDIA_TYPE
from dicom_io.retrieve.source import FoundStudy, OnProgress, Retrieved, StudyQuery
from dicom_io.send.web_address import WebAddress
from dicom_io.uids import is_valid_uid

#: Any transfer syntax: the archive need not transcode what it keeps compressed (PS3.18 8.7.3.5.2).
_ANY_SYNTAX = f'multipart/related; type="{DICOM_MEDIA_TYPE}"; transfer-syntax=*'
_STUDY, _COUNT = "0020000D", "00201208"
_NAME = "wado"


class WebSource:
    """An archive with DICOMweb services."""

    def __init__(self, address: WebAddress, neck: Neck, inbox: Inbox, directory: Path) -> None:
        """Fetch from *address* by way of files in *directory*; *neck* takes them, *inbox* hears when it was all."""
        self._address = address
        self._neck = neck
        self._inbox = inbox
        self._directory = directory

    def find(self, query: StudyQuery) -> Sequence[FoundStudy]:
        """By QIDO-RS; see `StudySource.find`."""
        wanted = {
            "StudyInstanceUID": query.study_uid,
            "StudyDate": query.date_range,
            "ModalitiesInStudy": query.modality,
            "PatientID": query.patient_id,
            "includefield": _COUNT,
            "limit": str(query.limit or ""),
        }
        headers = {"Accept": "application/dicom+json"}
        with self._translated(), self._address.client() as client:
            answer = client.get(
                "/studies", params={key: value for key, value in wanted.items() if value}, headers=headers
            )
            self._check(answer)
            datasets = answer.json() if answer.status_code == httpx.codes.OK else []
        return [_found(one) for one in datasets if is_valid_uid(_first(one, _STUDY))][: query.limit or None]

    def retrieve(self, study_uid: str, on_progress: OnProgress) -> Retrieved:
        """By WADO-RS; see `StudySource.retrieve`."""
        self._directory.mkdir(parents=True, exist_ok=True)
        counts = {True: 0, False: 0}
        with (
            self._translated(),
            self._address.client() as client,
            client.stream("GET", f"/studies/{study_uid}", headers={"Accept": _ANY_SYNTAX}) as answer,
        ):
            self._check(answer)
            for part in self._parts(answer):
                counts[self._take(part, study_uid)] += 1
                on_progress(counts[True])
        if counts[True]:
            self._inbox.association_ended(_NAME, {study_uid}, aborted=False)
        return Retrieved(completed=counts[True], failed=counts[False])

    def _parts(self, answer: httpx.Response) -> Iterator[Path]:
        boundary = boundary_of(answer.headers.get("Content-Type", ""), DICOM_MEDIA_TYPE)
        # What the archive sends was asked for; the neck has the limits.
        reader = MultipartReader(boundary, self._directory, MultipartLimits(part_bytes=2**40, parts=2**31))
        try:
            for chunk in answer.iter_bytes():
                yield from reader.feed(chunk)
        finally:
            reader.close()
        if not reader.is_whole:
            raise UnreachableError(f"{self._address} broke off in the middle of a study. Fetch it again.")

    def _take(self, part: Path, study_uid: str) -> bool:
        try:
            taken = take_file(self._neck, OfferedFile(path=part, door=_NAME, source=_NAME, study_uid=study_uid))
        finally:
            part.unlink(missing_ok=True)
        return taken.status is StoreStatus.SUCCESS

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.HTTPError as error:
            raise UnreachableError(
                f"{self._address} did not answer, or broke off ({type(error).__name__}). Check that it runs; try again."
            ) from error
        except (ValueError, TooLargeError) as error:
            raise RejectedError(f"{self._address} answered with something that is no DICOMweb.") from error

    def _check(self, answer: httpx.Response) -> None:
        status = answer.status_code
        if status in {200, 204}:
            return
        if status in {408, 429} or status >= 500:
            raise UnreachableError(f"{self._address} answered HTTP {status}. Try again later.")
        raise RejectedError(
            f"{self._address} answered HTTP {status}; required: 200 (PS3.18 8.5). Check the address, the token and "
            "whether the archive holds the study."
        )


def _found(dataset: Any) -> FoundStudy:
    count = _first(dataset, _COUNT)
    return FoundStudy(study_uid=_first(dataset, _STUDY), instances=int(count) if count.isdigit() else None)


def _first(dataset: Any, tag: str) -> str:
    values = dataset.get(tag, {}).get("Value") or [""]
    return str(values[0])
