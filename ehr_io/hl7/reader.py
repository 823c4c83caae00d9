"""An HL7 v2 message becomes what it tells, or is refused as a whole with the condition of the answer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from ehr_io.codes import CodeMap, code_map
from ehr_io.hl7.acknowledgement import ErrorCondition
from ehr_io.hl7.administration import TRIGGERS, administration
from ehr_io.hl7.context import MessageContext, MessageRefusedError, read_moment
from ehr_io.hl7.imaging_order import ImagingOrder, imaging_orders
from ehr_io.hl7.medication import given, ordered
from ehr_io.hl7.message import Message
from ehr_io.hl7.results import results
from ehr_io.receive.fields import FUTURE_TOLERANCE, shown
from ehr_io.receive.reading import RefusalCode, RefusedError
from ehr_io.told import Told

#: Conditions for which the answer is AR: not our kind of message (HL7 v2.5.1 2.9.2.2).
REJECTED = frozenset(
    (
        ErrorCondition.MESSAGE_TYPE,
        ErrorCondition.EVENT_CODE,
        ErrorCondition.PROCESSING_ID,
        ErrorCondition.VERSION_ID,
        ErrorCondition.INTERNAL,
    )
)
#: Whose message it is, and of which stay.
_ONCE = ("MSH", "PID", "PV1", "MRG")
_VERSIONS = ("2.2", "2.3", "2.3.1", "2.4", "2.5", "2.5.1", "2.6", "2.7", "2.7.1", "2.8")
_CONDITIONS = {
    RefusalCode.UNKNOWN_CODE: ErrorCondition.TABLE_VALUE,
    RefusalCode.MISSING_TIME: ErrorCondition.DATA_TYPE,
    RefusalCode.NO_REFERENCE: ErrorCondition.UNKNOWN_KEY,
}


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """What a site's messages are like."""

    #: Zone of times without an offset.
    zone: ZoneInfo
    #: MSH-11 that are taken: P production, T training, D debugging.
    processing_ids: frozenset[str] = frozenset("P")
    #: Our concepts.
    codes: CodeMap = field(default_factory=code_map)


@dataclass(frozen=True, kw_only=True)
class MessageReading:
    """What one message told."""

    #: Facts, patients, merges, refusals of single segments.
    told: Told
    #: Imaging orders.
    orders: tuple[ImagingOrder, ...] = ()


def read_message(message: Message, received_at: datetime, settings: ReaderSettings) -> MessageReading:
    """What *message*, which came at *received_at*, tells.

    Raises:
        MessageRefusedError: it cannot be taken as a whole.
    """
    context = _context(message, received_at, settings)
    read = _reader(message)
    _refuse_several(message)
    try:
        if read is None:
            return MessageReading(told=Told(door="hl7"), orders=imaging_orders(context))
        return MessageReading(told=read(context))
    except RefusedError as error:
        condition = _CONDITIONS.get(error.code, ErrorCondition.DATA_TYPE)
        raise MessageRefusedError(condition, str(error)) from error


def _refuse_several(message: Message) -> None:
    """A second patient's facts must not count for the first, though the standard lets an ORU or A40 hold several."""
    names = [segment.name for segment in message.segments]
    for name in _ONCE:
        if names.count(name) > 1:
            raise MessageRefusedError(
                ErrorCondition.SEGMENT_SEQUENCE,
                f"{message.kind} has more than one {name} segment; one is required: send a message for each",
            )


def _reader(message: Message) -> Callable[[MessageContext], Told] | None:
    kind, trigger = message.header.text(9, 1), message.header.text(9, 2)
    if kind not in _READERS:
        known = ", ".join(_READERS)
        raise MessageRefusedError(
            ErrorCondition.MESSAGE_TYPE, f"message type '{shown(kind)}' is not taken; taken are {known}"
        )
    triggers, read = _READERS[kind]
    if trigger not in triggers:
        known = ", ".join(sorted(triggers))
        raise MessageRefusedError(
            ErrorCondition.EVENT_CODE, f"trigger event '{shown(trigger)}' of {kind} is not taken; taken are {known}"
        )
    return read


_READERS: Mapping[str, tuple[frozenset[str], Callable[[MessageContext], Told] | None]] = {
    "ADT": (TRIGGERS, administration),
    "ORU": (frozenset({"R01"}), results),
    "RDE": (frozenset({"O11", "O01"}), ordered),
    "RAS": (frozenset({"O17", "O01"}), given),
    "ORM": (frozenset({"O01"}), None),
    "OMI": (frozenset({"O23"}), None),
}


def _context(message: Message, received_at: datetime, settings: ReaderSettings) -> MessageContext:
    header = message.header
    if not message.control_id:
        raise MessageRefusedError(ErrorCondition.REQUIRED_FIELD, "MSH-10 (control id) is empty; it is required")
    if header.text(11) not in settings.processing_ids:
        raise MessageRefusedError(
            ErrorCondition.PROCESSING_ID,
            f"MSH-11 '{shown(header.text(11))}' is not taken here; taken: {', '.join(sorted(settings.processing_ids))}",
        )
    if header.text(12) not in _VERSIONS:
        raise MessageRefusedError(
            ErrorCondition.VERSION_ID, f"MSH-12 '{shown(header.text(12))}' is not taken; taken are {_VERSIONS}"
        )
    sent_at = read_moment(header.text(7), settings.zone)
    if sent_at is None:
        raise MessageRefusedError(ErrorCondition.DATA_TYPE, "MSH-7 is no time; YYYYMMDDHHMM[SS][+ZZZZ] is required")
    if sent_at - received_at > FUTURE_TOLERANCE:
        raise MessageRefusedError(ErrorCondition.DATA_TYPE, "MSH-7 lies more than a day in the future; set the clock")
    return MessageContext(
        message=message, received_at=received_at, codes=settings.codes, zone=settings.zone, sent_at=sent_at
    )
