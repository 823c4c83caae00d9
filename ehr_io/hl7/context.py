"""What the segments of one message need: the clock, the zone, the code map, who it is about."""

import re
from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, cached_property
from zoneinfo import ZoneInfo

from ehr_io.codes import CodeMap, Coding
from ehr_io.errors import EhrIoError
from ehr_io.events import Event
from ehr_io.hl7.acknowledgement import ErrorCondition
from ehr_io.hl7.message import Message, Segment
from ehr_io.receive.fields import FUTURE_TOLERANCE, is_id
from ehr_io.receive.reading import RefusalCode, RefusedError
from ehr_io.told import Telling

#: HL7 v2.5.1 2.A.22 (DTM): the time of day may be left out in the standard, but not by us: events are put in order.
_MOMENT = re.compile(r"(\d{8})(\d{2})(\d{2})(?:(\d{2})(?:\.\d{1,4})?)?([+-]\d{4})?", re.ASCII)
_LAST_MINUTE, _FARTHEST_HOURS = 59, 14


class MessageRefusedError(EhrIoError):
    """A whole message cannot be taken; answered with AE or AR and kept."""

    def __init__(self, condition: ErrorCondition, reason: str) -> None:
        """Keep the *condition* of the answer and the *reason* in words, without values of the patient."""
        super().__init__(reason)
        self.condition = condition


@dataclass(frozen=True, kw_only=True)
class MessageContext:
    """One message while it is read."""

    #: The message.
    message: Message
    #: When it came, UTC.
    received_at: datetime
    #: Our concepts.
    codes: CodeMap
    #: Zone of times that bear no offset: that of the hospital.
    zone: ZoneInfo
    #: When its sender made it (MSH-7), UTC: when what it tells could be known.
    sent_at: datetime

    def moment(self, segment: Segment, number: int) -> datetime | None:
        """Field *number* of *segment* in UTC; None when empty.

        Raises:
            RefusedError: it is no time of day on a day that exists, or lies in the future.
        """
        written = segment.text(number)
        if not written:
            return None
        found = read_moment(written, self.zone)
        if found is None:
            raise RefusedError(
                RefusalCode.MISSING_TIME, f"{segment.name}-{number} is no time; YYYYMMDDHHMM[SS][+ZZZZ] is required"
            )
        if found - self.received_at > FUTURE_TOLERANCE:
            raise RefusedError(RefusalCode.FUTURE_TIME, f"{segment.name}-{number} lies in the future")
        return found

    def patient_id(self) -> str:
        """PID-3, the first identifier.

        Raises:
            MessageRefusedError: there is none.
        """
        return self._patient_id

    def stay_id(self) -> str:
        """PV1-19, the visit number.

        Raises:
            MessageRefusedError: there is none.
        """
        return self._stay_id

    @cached_property
    def _patient_id(self) -> str:
        return self._id("PID", 3, "the patient")

    @cached_property
    def _stay_id(self) -> str:
        return self._id("PV1", 19, "the stay")

    def required(self, name: str) -> Segment:
        """The first segment *name*.

        Raises:
            MessageRefusedError: there is none.
        """
        segment = self.message.first(name)
        if segment is None:
            kind = self.message.kind
            raise MessageRefusedError(ErrorCondition.SEGMENT_SEQUENCE, f"{kind} has no {name} segment; it is required")
        return segment

    def telling(self, source: str, *events: Event) -> Telling:
        """What *source* says of the stay, with whom it names as the patient; without *events* it is withdrawn."""
        return Telling(
            source=source, stay_id=self._stay_id, told_at=self.sent_at, events=events, patient_id=self._patient_id
        )

    def coding(self, segment: Segment, number: int, repetition: str | None = None) -> list[Coding]:
        """The code and the alternate code (components 1, 3 and 4, 6) of field *number*, those with a known system."""
        field = segment.raw(number) if repetition is None else repetition
        pairs = ((segment.part(field, first), segment.part(field, first + 2)) for first in (1, 4))
        systems = self.codes.hl7_systems
        return [Coding(system=systems.get(system, system), code=code) for code, system in pairs if code]

    def _id(self, name: str, number: int, what: str) -> str:
        found = self.required(name).text(number)
        if not is_id(found):
            raise MessageRefusedError(
                ErrorCondition.REQUIRED_FIELD,
                f"{name}-{number} does not identify {what}; required: 1 to 64 letters, digits, dots or dashes",
            )
        return found


def refuse_second(source: str, told: Container[str], apart: str) -> None:
    """Refuse what bears the name of something that the message *told* before: it would replace it unseen.

    Raises:
        RefusedError: *source* is told; the field *apart* must differ.
    """
    if source in told:
        raise RefusedError(RefusalCode.DUPLICATE, f"the message tells it before; {apart} must tell them apart")


def read_moment(written: str, zone: ZoneInfo) -> datetime | None:
    """An HL7 time in UTC, without an offset that of *zone*; None when it is none."""
    found = _MOMENT.fullmatch(written)
    if found is None:
        return None
    day, hour, minute, second, offset = found.groups()
    try:
        # Not strptime: it takes ten times as long, and a message has a dozen times.
        return datetime(
            *(int(day[:4]), int(day[4:6]), int(day[6:]), int(hour), int(minute), int(second or 0)),
            tzinfo=_offset(offset) if offset else zone,
        ).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@cache
def _offset(written: str) -> timezone:
    """The offset as *written*; ValueError when no clock on earth has it (UTC-12:00 to UTC+14:00)."""
    hours, minutes = int(written[1:3]), int(written[3:])
    if minutes > _LAST_MINUTE or hours + minutes / 60 > _FARTHEST_HOURS:
        raise ValueError(written)
    return timezone((-1 if written[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes))
