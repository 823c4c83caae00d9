"""Fetches the input of work items from the archives of the settings, never from anywhere else."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

from dicom_io.errors import DicomIoError, RejectedError
from dicom_io.retrieve.source import Retrieved, StudySource
from dicom_io.ups.workitem import InputReference
from serving.settings.archives import Archive
from serving.workitems.fetch import FetchState

#: Studies fetched at once.
_AT_ONCE = 2
#: Pause after a try that failed.
_PAUSE_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class _Try:
    fetch: "Future[Retrieved]"
    #: When another may begin, by the monotonic clock.
    again_at: float


class ArchiveFetcher:
    """Implements `InputFetcher` with threads of its own."""

    def __init__(self, archives: Sequence[Archive], source_of: Callable[[Archive], StudySource], fallback: str) -> None:
        """Know *archives*, reach them by *source_of*; *fallback* names the one for work items that name none."""
        self._archives: Mapping[str, Archive] = {archive.name: archive for archive in archives}
        self._source_of = source_of
        self._fallback = fallback if fallback in self._archives else ""
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="fetch")
        self._tries: dict[str, _Try] = {}

    def close(self) -> None:
        """Begin no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def archive_for(self, inputs: Sequence[InputReference]) -> str:
        """The configured archive that *inputs* name by AE title or by address; an address alone is never followed."""
        titles = {title for one in inputs for title in one.retrieve_ae_titles}
        urls = [url for one in inputs for url in one.retrieve_urls]
        for archive in self._archives.values():
            root = archive.url.rstrip("/") + "/"
            if (not archive.url and archive.ae_title in titles) or (
                archive.url and any(url.startswith(root) for url in urls)
            ):
                return archive.name
        return self._fallback

    def fetch(self, study_uid: str, archive: str) -> FetchState:
        """Begin, or tell how it stands; see `InputFetcher.fetch`."""
        known = self._tries.get(study_uid)
        if known is None or (known.fetch.done() and time.monotonic() >= known.again_at):
            source = self._source_of(self._archives[archive])
            begun = self._threads.submit(source.retrieve, study_uid, lambda _: None)
            self._tries[study_uid] = _Try(fetch=begun, again_at=time.monotonic() + _PAUSE_SECONDS)
        if known is None or not known.fetch.done():
            return FetchState()
        state = _state(known.fetch)
        # Nobody said that the study is in the fallback archive: it may still be sent to us.
        return replace(state, is_final=state.is_final and archive != self._fallback)


def _state(fetch: "Future[Retrieved]") -> FetchState:
    error = fetch.exception()
    if isinstance(error, DicomIoError):
        return FetchState(failure=str(error), is_final=isinstance(error, RejectedError))
    if error is not None:
        return FetchState(failure=f"an unexpected {type(error).__name__}", is_final=True)
    retrieved = fetch.result()
    if retrieved.completed == 0:
        return FetchState(failure="the archive sent nothing", is_final=retrieved.failed == 0)
    return FetchState()
