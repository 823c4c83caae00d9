"""An HL7 v2 message in its usual encoding (ER7, HL7 v2.5.1 chapter 2): segments, fields, components.

Split by hand and only where something is read: a feed of hundreds of messages a second is parsed on part of one core,
where a general parser needs a core for itself (docs/decisions/0014).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ehr_io.errors import NotHl7Error

#: MSH-18, HL7 table 0211; an absent one is read as UTF-8, and where that fails as Latin-1, which older engines send.
_CHARACTER_SETS = {"UNICODE UTF-8": "utf-8", "UTF-8": "utf-8"}
_CHARACTER_SETS |= {f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)}
_SEGMENT_NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
#: Escapes that stand for a separator (HL7 v2.5.1 2.7.1); hexadecimal ones for their bytes, the others for nothing.
_ESCAPED = {"F": 0, "S": 1, "R": 2, "E": 3, "T": 4}
_HEXADECIMAL = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
_MAX_SEGMENTS = 5_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Separators:
    """What separates what: MSH-1 and MSH-2."""

    #: Between fields, components, repetitions; before and after an escape; between subcomponents.
    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    def plain(self, text: str) -> str:
        """*text* with its escapes resolved."""
        if self.escape not in text:
            return text
        signs = (self.field, self.component, self.repetition, self.escape, self.subcomponent)
        pattern = re.escape(self.escape) + r"([^" + re.escape(self.escape) + r"]*)" + re.escape(self.escape)
        return re.sub(
            pattern, lambda found: signs[_ESCAPED[found[1]]] if found[1] in _ESCAPED else _bytes(found[1]), text
        )

    def escaped(self, text: str) -> str:
        """*text* so that it can stand in a component; control characters become blanks."""
        signs = (self.field, self.component, self.repetition, self.escape, self.subcomponent)
        letters = dict(zip(signs, _ESCAPED, strict=True))
        return "".join(self._written(character, letters.get(character)) for character in text)

    def _written(self, character: str, letter: str | None) -> str:
        if letter is not None:
            return f"{self.escape}{letter}{self.escape}"
        return character if character.isprintable() else " "


@dataclass(frozen=True, kw_only=True, slots=True)
class Segment:
    """One line of a message."""

    #: Three letters, e.g. ``OBX``.
    name: str
    #: Raw fields; ``fields[n]`` is field n as the standard counts, 0 the name.
    fields: tuple[str, ...]
    #: Of its message.
    separators: Separators

    def raw(self, number: int) -> str:
        """Field *number* as written; empty when absent."""
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> tuple[str, ...]:
        """Every repetition of field *number* as written; none when it is empty."""
        raw = self.raw(number)
        return tuple(raw.split(self.separators.repetition)) if raw else ()

    def text(self, number: int, component: int = 1) -> str:
        """Component *component* of the first repetition of field *number*, plain; empty when absent or null."""
        return self.part(self.raw(number).partition(self.separators.repetition)[0], component)

    def part(self, repetition: str, component: int) -> str:
        """Component *component* of a *repetition*, plain, its first subcomponent; empty when absent or null."""
        parts = repetition.split(self.separators.component, component)
        found = parts[component - 1] if component <= len(parts) else ""
        # '""' is HL7's "delete what you have" (2.5.3.4), which for a reader of facts is as good as nothing.
        plain = self.separators.plain(found.partition(self.separators.subcomponent)[0])
        return "" if plain == '""' else plain


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message."""

    #: In their order; the first is MSH.
    segments: tuple[Segment, ...]

    @cached_property
    def header(self) -> Segment:
        """MSH."""
        return self.segments[0]

    @property
    def kind(self) -> str:
        """Message type and trigger event, e.g. ``ADT^A01`` (MSH-9.1 and 9.2)."""
        return f"{self.header.text(9, 1)}^{self.header.text(9, 2)}"

    @property
    def control_id(self) -> str:
        """MSH-10, which the acknowledgement repeats."""
        return self.header.text(10)

    def first(self, name: str) -> Segment | None:
        """The first segment *name*; None when there is none."""
        return next(self.all(name), None)

    def all(self, name: str) -> Iterator[Segment]:
        """Every segment *name*, in order."""
        return (segment for segment in self.segments if segment.name == name)


def parse(body: bytes) -> Message:
    """The message that *body* is, without MLLP marks.

    Raises:
        NotHl7Error: it does not begin with a message header, or a line is no segment.
    """
    text = _decode(body)
    if not text.startswith("MSH") or len(text) < 8:
        raise NotHl7Error("the message does not begin with an MSH segment")
    separators = _separators(text)
    lines = [line for line in re.split(r"\r\n|\r|\n", text) if line.strip()]
    if len(lines) > _MAX_SEGMENTS:
        raise NotHl7Error(f"the message has {len(lines)} segments; at most {_MAX_SEGMENTS} are taken")
    return Message(segments=tuple(_segment(n, line, separators) for n, line in enumerate(lines, start=1)))


def _bytes(escape: str) -> str:
    found = _HEXADECIMAL.fullmatch(escape)
    return "" if found is None else _tolerant(bytes.fromhex(found[1]))


def _tolerant(written: bytes) -> str:
    try:
        return written.decode("utf-8")
    except UnicodeDecodeError:
        return written.decode("latin-1")


def _decode(body: bytes) -> str:
    head = body[:2048].split(b"\r", 1)[0].split(b"\n", 1)[0]
    fields = head.split(head[3:4]) if len(head) > 3 else []
    told = fields[17].split(b"~")[0].decode("ascii", "replace") if len(fields) > 17 else ""
    if told in _CHARACTER_SETS:
        try:
            return body.decode(_CHARACTER_SETS[told])
        except UnicodeDecodeError as error:
            raise NotHl7Error(f"MSH-18 says '{told}', but byte {error.start} is none of it") from error
    return _tolerant(body)


def _separators(text: str) -> Separators:
    field = text[3]
    written = text[4:].split(field, 1)[0]
    signs = (field, *written)
    if not 2 <= len(written) <= 5 or len(set(signs)) != len(signs) or any(sign.isalnum() for sign in signs):
        raise NotHl7Error("MSH-1 and MSH-2 do not name separators; required e.g. '|^~\\&'")
    component, repetition, *rest = tuple(written)
    return Separators(
        field=field,
        component=component,
        repetition=repetition,
        escape=rest[0] if rest else "\\",
        subcomponent=rest[1] if len(rest) > 1 else "&",
    )


def _segment(number: int, line: str, separators: Separators) -> Segment:
    fields = line.split(separators.field)
    name = fields[0]
    if not _SEGMENT_NAME.fullmatch(name):
        raise NotHl7Error(f"line {number} is no segment; each begins with three capital letters and MSH-1")
    if name == "MSH":
        # MSH-1 is the separator itself, so every later field counts one more (2.14.9.1).
        fields.insert(1, separators.field)
    return Segment(name=name, fields=tuple(fields), separators=separators)
