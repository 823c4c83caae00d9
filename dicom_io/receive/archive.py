"""A small archive in this process: enough of a PACS for a demonstration. Not for clinical storage."""

import threading
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pynetdicom import evt
from pynetdicom.sop_class import StudyRootQueryRetrieveInformationModelFind

from dicom_io.errors import DicomIoError
from dicom_io.headers import Header, read_header
from dicom_io.receive.inbox import Arrival, Landing, Refusal
from dicom_io.receive.neck import SilentObserver
from dicom_io.receive.spool import Spool
from dicom_io.receive.store_scp import ExtraService, StoreScp, StoreScpSettings

_SUCCESS, _PENDING, _CANCELLED, _UNABLE_TO_PROCESS = 0x0000, 0xFF00, 0xFE00, 0xC000
#: The key that makes an answer unique at each level (PS3.4 C.6.2.1).
_UNIQUE_KEY = {"STUDY": "StudyInstanceUID", "SERIES": "SeriesInstanceUID", "IMAGE": "SOPInstanceUID"}


class EmbeddedArchive:
    """C-ECHO, C-STORE into a directory, and C-FIND (Study Root) over what lies there."""

    def __init__(self, settings: StoreScpSettings, directory: Path) -> None:
        """Use *directory*, made when absent; objects that lie there already are held."""
        self._index = _Index(directory)
        find = ExtraService(
            abstract_syntax_uid=str(StudyRootQueryRetrieveInformationModelFind),
            event=evt.EVT_C_FIND,
            handler=self._on_find,
        )
        self._scp = StoreScp(settings, self._index, Spool(directory), SilentObserver(), extra_services=[find])

    @property
    def port(self) -> int:
        """The TCP port that is listened on."""
        return self._scp.port

    def start(self) -> None:
        """Listen; returns when it does."""
        self._scp.start()

    def stop(self) -> None:
        """Stop listening."""
        self._scp.stop()

    def list_study(self, study_instance_uid: str) -> tuple[Header, ...]:
        """The headers of every object of one study, by series and instance number; their paths are files here."""
        return tuple(header for header in self._index.headers() if header.study_instance_uid == study_instance_uid)

    def list_studies(self) -> tuple[str, ...]:
        """The Study Instance UIDs of every study here."""
        return tuple(dict.fromkeys(header.study_instance_uid for header in self._index.headers()))

    def _on_find(self, event: Any) -> Iterator[tuple[int, Dataset | None]]:
        query = event.identifier
        unique_key = _UNIQUE_KEY.get(query.get("QueryRetrieveLevel", ""))
        if unique_key is None:
            yield _UNABLE_TO_PROCESS, None
            return
        answered: set[str] = set()
        for header in self._index.headers():
            values = _values(header)
            if values[unique_key] in answered or not _matches(query, values):
                continue
            if event.is_cancelled:
                yield _CANCELLED, None
                return
            answered.add(values[unique_key])
            yield _PENDING, _answer(query, values)
        yield _SUCCESS, None


class _Index:
    """An Inbox that keeps the newest object of each SOP Instance UID, and no other."""

    def __init__(self, directory: Path) -> None:
        self._lock = threading.Lock()
        self._headers: dict[str, Header] = {}
        for path in sorted(directory.glob("*/*.dcm"), key=lambda file: file.stat().st_mtime_ns):
            self._add_existing(path)

    def headers(self) -> list[Header]:
        with self._lock:
            found = list(self._headers.values())
        return sorted(found, key=lambda one: (one.study_instance_uid, one.series_instance_uid, _order(one)))

    def land_all(self, arrivals: Sequence[Arrival]) -> Sequence[Landing]:
        return [self._land(arrival) for arrival in arrivals]

    def _land(self, arrival: Arrival) -> Landing:
        uid = arrival.header.instance.sop_instance_uid
        with self._lock:
            known = self._headers.get(uid)
            self._headers[uid] = arrival.header
        if known is None:
            return Landing.NEW
        known.instance.path.unlink(missing_ok=True)
        return Landing.REPLACED

    def association_ended(self, source_ae: str, study_uids: AbstractSet[str], *, aborted: bool) -> None:
        """An archive does not ask when a study is complete."""

    def refuse(self, refusal: Refusal) -> None:
        """The refused bytes lie in the directory's ``refused``; nothing more is kept of them."""

    def _add_existing(self, path: Path) -> None:
        try:
            header = read_header(path)
        except DicomIoError:
            # Someone else's file; it is not ours to judge.
            return
        self._headers[header.instance.sop_instance_uid] = header


def _order(header: Header) -> tuple[int, str]:
    return header.instance.instance_number, header.instance.sop_instance_uid


def _values(header: Header) -> dict[str, str]:
    return {
        "StudyInstanceUID": header.study_instance_uid,
        "SeriesInstanceUID": header.series_instance_uid,
        "SOPInstanceUID": header.instance.sop_instance_uid,
        "SOPClassUID": header.instance.sop_class_uid,
        "PatientID": header.patient_id,
        "PatientName": header.patient_name,
        "AccessionNumber": header.accession_number,
        "StudyDate": header.study_date,
        "StudyDescription": header.study_description,
        "Modality": header.modality,
        "SeriesDescription": header.series_description,
        "InstanceNumber": str(header.instance.instance_number),
    }


def _matches(query: Dataset, values: dict[str, str]) -> bool:
    for keyword, value in values.items():
        wanted = query.get(keyword)
        if wanted in (None, ""):
            continue
        patterns = [str(one) for one in wanted] if isinstance(wanted, MultiValue | list) else [str(wanted)]
        if not any(fnmatchcase(value, pattern) for pattern in patterns):
            return False
    return True


def _answer(query: Dataset, values: dict[str, str]) -> Dataset:
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.QueryRetrieveLevel = query.QueryRetrieveLevel
    for keyword, value in values.items():
        if keyword in query:
            setattr(answer, keyword, value)
    return answer
