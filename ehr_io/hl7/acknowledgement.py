"""Acknowledgements in original mode (HL7 v2.5.1 2.9.2): AA, AE or AR, with the reason in an ERR segment."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from ehr_io.errors import NotHl7Error
from ehr_io.hl7.message import Message, Separators, parse

_PLAIN = Separators()
#: MSA-3 and ERR-8 are short texts.
_LONGEST_TEXT = 250


class AckCode(Enum):
    """MSA-1, HL7 table 0008, original mode."""

    #: Application accept: what was told is durable.
    ACCEPT = "AA"
    #: Application error: the content cannot be taken; the same message again gets the same answer.
    ERROR = "AE"
    #: Application reject: not our kind of message, or we cannot take any at the moment.
    REJECT = "AR"


class ErrorCondition(Enum):
    """ERR-3, HL7 table 0357."""

    #: Segments are missing or in the wrong order.
    SEGMENT_SEQUENCE = "100"
    #: A required field is missing.
    REQUIRED_FIELD = "101"
    #: A field is of the wrong type: a number, a time.
    DATA_TYPE = "102"
    #: A code is none of its table.
    TABLE_VALUE = "103"
    #: MSH-9.1 is no message type that is taken.
    MESSAGE_TYPE = "200"
    #: MSH-9.2 is no trigger event that is taken.
    EVENT_CODE = "201"
    #: MSH-11 is not that of this system.
    PROCESSING_ID = "202"
    #: MSH-12 is not taken.
    VERSION_ID = "203"
    #: A patient, stay or order is not known.
    UNKNOWN_KEY = "204"
    #: Something is wrong on our side; send it again.
    INTERNAL = "207"


@dataclass(frozen=True, kw_only=True)
class Acknowledgement:
    """What the receiver of a message answers."""

    #: Taken, or not.
    code: AckCode
    #: MSH-10 of the message that it answers.
    control_id: str
    #: What is wrong, for machines; None when nothing is.
    condition: ErrorCondition | None = None
    #: What was found, what is required and the way out, for people; no values of the patient.
    text: str = ""

    @property
    def is_accepted(self) -> bool:
        """Whether the message need not be sent again."""
        return self.code is AckCode.ACCEPT


def write_acknowledgement(answer: Acknowledgement, message: Message | None, now: datetime) -> bytes:
    """The ACK message to *message*; None when it could not even be parsed."""
    stamp = now.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    sender = ("", "") if message is None else (message.header.raw(3), message.header.raw(4))
    receiver = ("VARSEL", "") if message is None else (message.header.raw(5), message.header.raw(6))
    trigger = "" if message is None else message.header.text(9, 2)
    kind = f"ACK^{_PLAIN.escaped(trigger)}^ACK" if trigger else "ACK"
    version = ("" if message is None else message.header.text(12)) or "2.5.1"
    own_id = _PLAIN.escaped(f"V{now.timestamp():.6f}".replace(".", ""))[:20]
    parties = "|".join(_restated(text, message) for text in (*receiver, *sender))
    lines = [
        f"MSH|^~\\&|{parties}|{stamp}||{kind}|{own_id}|P|{_PLAIN.escaped(version)}||||||UNICODE UTF-8",
        f"MSA|{answer.code.value}|{_PLAIN.escaped(answer.control_id)}|{_PLAIN.escaped(answer.text[:_LONGEST_TEXT])}",
    ]
    if answer.condition is not None:
        told = _PLAIN.escaped(answer.text[:_LONGEST_TEXT])
        lines.append(f"ERR|||{answer.condition.value}^^HL70357|E||||{told}")
    return ("\r".join(lines) + "\r").encode()


def read_acknowledgement(body: bytes) -> Acknowledgement:
    """What an ACK message says; enhanced mode's CA, CE and CR are read as AA, AE and AR.

    Raises:
        NotHl7Error: it is no acknowledgement.
    """
    message = parse(body)
    told = message.first("MSA")
    code = "" if told is None else told.text(1).replace("C", "A", 1)
    if told is None or code not in {one.value for one in AckCode}:
        raise NotHl7Error("the answer is no acknowledgement; required is an MSA segment with AA, AE or AR")
    error = message.first("ERR")
    condition = "" if error is None else error.text(3)
    known = {one.value: one for one in ErrorCondition}
    text = told.text(3) or ("" if error is None else error.text(8))
    return Acknowledgement(
        code=AckCode(code), control_id=told.text(2), condition=known.get(condition), text=text[:_LONGEST_TEXT]
    )


def _restated(raw: str, message: Message | None) -> str:
    # MSH-3 to MSH-6 go back as they came, in our separators.
    theirs = _PLAIN if message is None else message.header.separators
    return _PLAIN.component.join(_PLAIN.escaped(theirs.plain(part)) for part in raw.split(theirs.component))
