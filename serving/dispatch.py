"""Which of the objects that were written goes where: decided here as data, queued by ``records.results``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from dicom_io.results.kinds import ResultKind
from dicom_io.results.write import WrittenObject
from serving.messages import WrittenMessage
from serving.settings.destinations import AnyDestination
from serving.work.item import Purpose


class Kind(Protocol):
    """A member of an enumeration of kinds."""

    @property
    def value(self) -> str:
        """As kept in the tables."""


class Stored(Protocol):
    """What every object that is to be sent has; `WrittenObject` and `WrittenMessage` both do."""

    @property
    def kind(self) -> Kind:
        """What it is."""

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID; empty for a message."""

    @property
    def sop_instance_uid(self) -> str:
        """Its identity."""

    @property
    def series_instance_uid(self) -> str:
        """Series Instance UID; empty for a message."""

    @property
    def path(self) -> Path:
        """Where its bytes lie."""

    @property
    def sha256(self) -> str:
        """Of its bytes, 64 hexadecimal digits."""

    @property
    def part(self) -> str:
        """Which findings it tells; empty where it tells all."""


@dataclass(frozen=True, kw_only=True)
class Dispatch:
    """What one destination is to get of one work item."""

    #: Name of the destination.
    destination: str
    #: Identities of what is sent, in that order.
    objects: tuple[str, ...]
    #: Identities of what is sent where something of *objects* is refused.
    reserve: tuple[str, ...] = ()
    #: What it is for.
    purpose: Purpose = Purpose.RESULT


@dataclass(frozen=True, kw_only=True)
class Outgoing:
    """Everything that was written of one work item."""

    #: DICOM objects, in the order they are sent.
    objects: Sequence[WrittenObject]
    #: Messages to the RIS and the record.
    messages: Sequence[WrittenMessage]
    #: Name of an archive -> the note that rejects what it has of an earlier generation; it goes last.
    notes: Mapping[str, WrittenObject] = field(default_factory=dict)

    @property
    def all(self) -> tuple[Stored, ...]:
        """Objects and messages."""
        return (*self.objects, *self.messages)

    @property
    def distinct_notes(self) -> tuple[Stored, ...]:
        """The notes; archives with the same earlier objects share one."""
        return tuple({one.sop_instance_uid: one for one in self.notes.values()}.values())

    def dispatches(self, destinations: Iterable[AnyDestination]) -> tuple[Dispatch, ...]:
        """What each of *destinations* is to get; those that get nothing are left out."""
        found = []
        for destination in destinations:
            name = destination.name
            notes = (self.notes[name].sop_instance_uid,) if name in self.notes else ()
            objects = self._objects_for(destination.profile) + self._messages_for(name) + notes
            reserve = tuple(uid for uid in self._objects_for(destination.fallback) if uid not in objects)
            if objects:
                found.append(Dispatch(destination=name, objects=objects, reserve=reserve))
        return tuple(found)

    def _objects_for(self, profile: Sequence[ResultKind]) -> tuple[str, ...]:
        return tuple(one.sop_instance_uid for one in self.objects if one.audience.includes(profile))

    def _messages_for(self, name: str) -> tuple[str, ...]:
        return tuple(one.sop_instance_uid for one in self.messages if one.destination == name)
