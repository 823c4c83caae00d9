"""Getting the input of a work item that is not here yet: the seam between performing and archives."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from dicom_io.ups.workitem import InputReference


@dataclass(frozen=True, kw_only=True)
class FetchState:
    """How one fetch stands."""

    #: Why the last try failed; empty when none has.
    failure: str = ""
    #: Whether another try cannot help.
    is_final: bool = False


class InputFetcher(Protocol):
    """Fetches studies in the background."""

    def archive_for(self, inputs: Sequence[InputReference]) -> str:
        """Name of the configured archive that holds *inputs*; empty when there is none."""

    def fetch(self, study_uid: str, archive: str) -> FetchState:
        """Begin to fetch, unless it is under way or was tried a moment ago; how it stands."""


class NoFetcher:
    """Fetches nothing: input is sent to us. The small double."""

    def archive_for(self, inputs: Sequence[InputReference]) -> str:
        """None."""
        del inputs
        return ""

    def fetch(self, study_uid: str, archive: str) -> FetchState:
        """Nothing happens."""
        del study_uid, archive
        return FetchState()
