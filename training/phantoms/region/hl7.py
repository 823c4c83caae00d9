"""The region as the HL7 v2 messages that its record would send, in the order in which it would send them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from ehr_io.codes import code_map
from training.phantoms.region.flow import DAY, HOUR
from training.phantoms.region.measurements import Rounds
from training.phantoms.region.people import Encounter, Person, Segment
from training.phantoms.region.plan import PlannedOperation, PlannedSample
from training.phantoms.region.region import Catheter, Dose, Region, moment

#: Minutes from an operation, an insertion, a dose to its message.
_OPERATION_DELAY, _CATHETER_DELAY, _DOSE_DELAY = 90, 30, 5
_KINDS = {"hip_replacement": "KNFB20", "hip_reoperation": "KNFC99", "knee_replacement": "KNGB20"}
_KINDS |= {"knee_reoperation": "KNGC99"}
_NO_GROWTH = "264868006^No growth^SCT"


@dataclass(frozen=True, kw_only=True, slots=True)
class SentMessage:
    """One message and when it is sent."""

    #: Minutes from the start of the region.
    minute: int
    #: As it goes over the wire, without MLLP marks.
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class _Moved:
    place: int
    segment: Segment


@dataclass(frozen=True, kw_only=True, slots=True)
class _Left:
    pass


@dataclass(frozen=True, kw_only=True, slots=True)
class _CatheterTold:
    catheter: Catheter
    is_out: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _RoundTold:
    rounds: Rounds
    row: int


#: What is sent: when, in which order within the minute, of which stay, about what.
_Item = tuple[int, int, int, object]


class Hl7Writer:
    """Writes the messages of one region."""

    def __init__(self, region: Region) -> None:
        """Write those of *region*."""
        self._region = region
        self._stays = list(region.encounters())
        self._numbers = {encounter.stay_id: number for number, (_, encounter) in enumerate(self._stays)}
        codes = code_map()
        self._codes = {key: codes.coding_of(key).code for key in codes.concepts}
        self._units = {key: concept.unit for key, concept in codes.concepts.items()}
        self._count = 0
        self._writers: dict[type, Callable[[Any, Encounter], tuple[str, list[str]]]] = {
            _Moved: self._moved,
            _Left: self._left,
            _CatheterTold: self._catheter,
            _RoundTold: self._round,
            PlannedOperation: self._operated,
            PlannedSample: self._culture,
            Dose: self._dose,
        }

    def messages(self) -> Iterator[SentMessage]:
        """All messages, by the time of their sending."""
        items: list[_Item] = [*self._administration(), *self._treatment()]
        items += [
            (sample.answered, 2, self._numbers[sample.contact.stay_at(sample.minute)], sample)
            for sample in self._region.samples
        ]
        for rounds in self._region.rounds:
            rows = np.nonzero(~np.isnan(rounds.values).all(axis=1))[0]
            items += [
                (int(rounds.known[row]), 2, int(rounds.stays[row]), _RoundTold(rounds=rounds, row=int(row)))
                for row in rows
            ]
        items.sort(key=lambda item: item[:3])
        for minute, _, number, what in items:
            person, encounter = self._stays[number]
            yield SentMessage(minute=minute, body=self._write(minute, person, encounter, what))

    def _administration(self) -> Iterator[_Item]:
        for number, (_, encounter) in enumerate(self._stays):
            for place, segment in enumerate(encounter.segments):
                yield segment.start, 0 if place == 0 else 1, number, _Moved(place=place, segment=segment)
            if encounter.end < self._region.until:
                yield encounter.end, 3, number, _Left()

    def _treatment(self) -> Iterator[_Item]:
        region = self._region
        for operation in region.operations:
            stay = self._numbers[operation.contact.stay_at(operation.minute)]
            yield operation.minute + _OPERATION_DELAY, 2, stay, operation
        for catheter in region.catheters:
            stay = self._numbers[catheter.stay_id]
            yield catheter.start + _CATHETER_DELAY, 2, stay, _CatheterTold(catheter=catheter, is_out=False)
            if catheter.end < region.until:
                yield (
                    max(catheter.end, catheter.start + _CATHETER_DELAY),
                    2,
                    stay,
                    _CatheterTold(catheter=catheter, is_out=True),
                )
        for dose in region.doses:
            yield dose.minute + _DOSE_DELAY, 2, self._numbers[dose.stay_id], dose

    def _write(self, minute: int, person: Person, encounter: Encounter, what: object) -> bytes:
        kind, segments = self._segments(what, encounter)
        self._count += 1
        sent = _stamp(minute)
        sex = "F" if person.is_female else "M"
        identity = f"{person.patient_id}^^^SYN^PI~{person.civil_number}^^^CPR^NNDNK"
        head = (
            f"MSH|^~\\&|SYN|{encounter.segments[0].ward.hospital}|VARSEL||{sent}||{kind}|SYN{self._count:09d}|P|2.5.1"
        )
        lines = [
            f"{head}|||||DNK|UNICODE UTF-8",
            f"PID|1||{identity}||{person.name[1]}^{person.name[0]}||{person.born:%Y%m%d}|{sex}",
            *segments,
        ]
        return ("\r".join(lines) + "\r").encode()

    def _segments(self, what: object, encounter: Encounter) -> tuple[str, list[str]]:
        return self._writers[type(what)](what, encounter)

    def _moved(self, what: _Moved, encounter: Encounter) -> tuple[str, list[str]]:
        kind = "ADT^A01^ADT_A01" if what.place == 0 else "ADT^A02^ADT_A02"
        at = _stamp(what.segment.start)
        return kind, [f"EVN||{at}||||{at}", _visit(encounter, what.segment)]

    def _left(self, _: _Left, encounter: Encounter) -> tuple[str, list[str]]:
        return "ADT^A03^ADT_A03", [_visit(encounter, encounter.segments[-1], is_over=True)]

    def _operated(self, what: PlannedOperation, encounter: Encounter) -> tuple[str, list[str]]:
        return "ADT^A08^ADT_A01", [_visit(encounter), _operation(what)]

    def _catheter(self, what: _CatheterTold, encounter: Encounter) -> tuple[str, list[str]]:
        return "ADT^A08^ADT_A01", [_visit(encounter), _device(what.catheter, is_out=what.is_out)]

    def _dose(self, what: Dose, encounter: Encounter) -> tuple[str, list[str]]:
        at = _stamp(what.minute)
        dose = f"RXA|0|1|{at}|{at}|J01CR02^Amoxicillin and beta-lactamase inhibitor^ATC|1||||||||||||||CP"
        return "RAS^O17^RAS_O17", [_visit(encounter), f"ORC|OK||{what.stay_id}-AB", dose]

    def _culture(self, sample: PlannedSample, encounter: Encounter) -> tuple[str, list[str]]:
        code = self._codes[sample.specimen]
        taken = _stamp(sample.minute)
        lines = [f"OBR|1||{sample.number}|{code}^{sample.specimen}^LN|||{taken}" + "|" * 18 + "F"]
        words = [
            "NONTOX^No toxin gene^L" if word == "non-toxigenic" else f"{word}^{word}^SCT" for word in sample.organisms
        ]
        lines += [
            f"OBX|{n}|CWE|634-6^Bacteria identified^LN|{n}|{word}||||||F"
            for n, word in enumerate(words or [_NO_GROWTH], start=1)
        ]
        if sample.cfu_per_ml is not None:
            number = len(lines)
            lines.append(f"OBX|{number}|NM|564-5^Colony count^LN||{sample.cfu_per_ml:.0f}|[CFU]/mL^^UCUM|||||F")
        return "ORU^R01^ORU_R01", [_visit(encounter), *lines]

    def _round(self, what: _RoundTold, encounter: Encounter) -> tuple[str, list[str]]:
        panel, minute, values = what.rounds.panel, int(what.rounds.minutes[what.row]), what.rounds.values[what.row]
        request = f"OBR|1||{encounter.stay_id}-{panel.name}-{minute}|{panel.name}^{panel.name}^L|||{_stamp(minute)}"
        results = [
            f"OBX|{n + 1}|NM|{self._codes[one.code]}^{one.code}^LN||{value:g}|{self._units[one.code]}^^UCUM|||||F"
            for n, (one, value) in enumerate(zip(panel.measured, values.tolist(), strict=True))
            if value == value  # noqa: PLR0124 - NaN is what was not measured
        ]
        return "ORU^R01^ORU_R01", [_visit(encounter), request, *results]


def at_speed(messages: Iterable[SentMessage], speed: float, wait: Callable[[float], None]) -> Iterator[bytes]:
    """The bodies of *messages* at *speed* times real time, 0 = at once; *wait* waits so many seconds."""
    sent_at: int | None = None
    for message in messages:
        if speed > 0 and sent_at is not None and message.minute > sent_at:
            wait((message.minute - sent_at) * 60 / speed)
        sent_at = message.minute
        yield message.body


def _visit(encounter: Encounter, segment: Segment | None = None, *, is_over: bool = False) -> str:
    place = encounter.segments[0] if segment is None else segment
    end = _stamp(encounter.end) if is_over else ""
    head = f"PV1|1|I|{place.ward.code}^^^{place.ward.hospital}{'|' * 16}{encounter.stay_id}"
    return f"{head}{'|' * 25}{_stamp(encounter.start)}|{end}"


def _operation(operation: PlannedOperation) -> str:
    code = _KINDS[f"{operation.joint}_{'reoperation' if operation.is_again else 'replacement'}"]
    side = "TUL2" if operation.side == "left" else "TUL1"
    said = side if operation.is_planned else f"{side}~ACUTE"
    return f"PR1|1||{code}^^SKS||{_stamp(operation.minute)}{'|' * 11}{said}|||{operation.number}"


def _device(catheter: Catheter, *, is_out: bool) -> str:
    minutes = f"{catheter.end - catheter.start}" if is_out else ""
    at = _stamp(catheter.start)
    return f"PR1|1||410024004^Urinary catheter^SCT||{at}||{minutes}{'|' * 12}{catheter.number}"


def _stamp(minute: int) -> str:
    # Days repeat a thousand times; formatting a moment anew each time took a third of the writing.
    return f"{_day(minute // DAY)}{minute % DAY // HOUR:02d}{minute % HOUR:02d}00+0000"


@cache
def _day(day: int) -> str:
    return f"{moment(day * DAY):%Y%m%d}"
