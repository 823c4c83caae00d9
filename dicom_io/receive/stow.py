"""The STOW-RS door (PS3.18 10.5): parts become offers to the neck, verdicts become a Store Instances Response."""

import logging
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from dicom_io.errors import InboxUnavailableError
from dicom_io.receive.files import OfferedFile, TakenFile, take_file
from dicom_io.receive.inbox import Inbox
from dicom_io.receive.neck import Neck
from dicom_io.receive.statuses import StoreStatus

_log = logging.getLogger(__name__)

#: Media type of a part that holds a DICOM file (PS3.18 table 8.7.3-1).
DICOM_MEDIA_TYPE = "application/dicom"


class StoreResult(Enum):
    """How a whole request is answered (PS3.18 10.5.3.1); the HTTP status is given at the door."""

    #: Everything was stored.
    STORED = "stored"
    #: Some was stored and some was not.
    PARTLY = "partly"
    #: Nothing was stored, and a repeat does not help.
    REFUSED = "refused"
    #: Nothing was stored for lack of room; a repeat helps.
    NO_ROOM = "no_room"


class StowDoor:
    """Stores parts one by one; a part is answered as stored when it is on disk and recorded."""

    def __init__(self, neck: Neck, inbox: Inbox) -> None:
        """Store through *neck*; *inbox* hears when a sender has ended."""
        self._neck = neck
        self._inbox = inbox

    def take(self, part: Path, *, study_uid: str, client: str) -> TakenFile:
        """Store one part, which must be of *study_uid* when that is given; its file is removed."""
        try:
            return take_file(self._neck, OfferedFile(path=part, door="stow", source=client, study_uid=study_uid))
        finally:
            part.unlink(missing_ok=True)

    def end(self, stored: Sequence[TakenFile], *, client: str, is_whole: bool) -> None:
        """Note that *client* has sent all it meant to send, or that it broke off."""
        studies = {one.study_uid for one in stored if one.status is StoreStatus.SUCCESS}
        if not studies:
            return
        try:
            self._inbox.association_ended(client, studies, aborted=not is_whole)
        except InboxUnavailableError:
            # The objects are safe; without this note the quiet timer closes their studies.
            _log.warning("The end of a STOW request was not noted.", extra={"action": "stow_end_not_noted"})


def result_of(stored: Sequence[TakenFile]) -> StoreResult:
    """How the request as a whole went."""
    good = [one for one in stored if one.status is StoreStatus.SUCCESS]
    if good:
        return StoreResult.STORED if len(good) == len(stored) else StoreResult.PARTLY
    no_room = stored and all(one.status is StoreStatus.OUT_OF_RESOURCES for one in stored)
    return StoreResult.NO_ROOM if no_room else StoreResult.REFUSED


def response_of(stored: Sequence[TakenFile]) -> Mapping[str, Any]:
    """The Store Instances Response Module (PS3.18 I.2) in the DICOM JSON Model; nothing is retrievable from here."""
    good = [_reference(one) for one in stored if one.status is StoreStatus.SUCCESS]
    bad = [one for one in stored if one.status is not StoreStatus.SUCCESS]
    failed = [_reference(one) | _reason("00081197", one) for one in bad if one.sop_instance_uid]
    # What cannot be named is told by its reason alone (Other Failures Sequence).
    nameless = [_reason("00081197", one) for one in bad if not one.sop_instance_uid]
    response: dict[str, Any] = {"00081190": {"vr": "UR"}}
    for tag, items in (("00081198", failed), ("00081199", good), ("0008119A", nameless)):
        if items:
            response[tag] = {"vr": "SQ", "Value": items}
    return response


def _reference(one: TakenFile) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [one.sop_class_uid]},
        "00081155": {"vr": "UI", "Value": [one.sop_instance_uid]},
    }


def _reason(tag: str, one: TakenFile) -> dict[str, Any]:
    return {tag: {"vr": "US", "Value": [one.status.value]}}
