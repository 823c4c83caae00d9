"""SR content items (PS3.3 C.17.3) in their encoded form, each the elements of one item of a Content Sequence."""

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import chain

from dicom_io.codes import Code
from dicom_io.results.encoding import code, decimal, double, reference, sequence, single, text, uid, unsigned


class Relation(Enum):
    """Relationship Type (0040,A010) of an item to the one that holds it."""

    #: It is part of it.
    CONTAINS = "CONTAINS"
    #: It says who observed.
    OBSERVER = "HAS OBS CONTEXT"
    #: It says how the images were made.
    ACQUISITION = "HAS ACQ CONTEXT"
    #: It narrows its concept.
    MODIFIER = "HAS CONCEPT MOD"
    #: It is what the number was read from.
    INFERRED_FROM = "INFERRED FROM"
    #: It is the image that the coordinates lie on.
    SELECTED_FROM = "SELECTED FROM"


def container(name: Code, children: Iterable[bytes], *, separate: bool = False, template: str = "") -> bytes:
    """A heading with *children*; *template* is the number of its TID, if it has one."""
    continuity = text(0x0040A050, "CS", "SEPARATE" if separate else "CONTINUOUS")
    root = sequence(0x0040A504, template_elements(template)) if template else b""
    return _item(Relation.CONTAINS, "CONTAINER", name, continuity + root + _children(children))


def template_elements(number: str) -> bytes:
    """The elements of a Content Template Sequence's item for TID *number* of DCMR (PS3.3 C.18.8)."""
    return text(0x00080105, "CS", "DCMR") + text(0x0040DB00, "CS", number)


def code_item(relation: Relation, name: Code, value: Code) -> bytes:
    """A concept as value."""
    return _item(relation, "CODE", name, code(0x0040A168, value))


def text_item(relation: Relation, name: Code, value: str) -> bytes:
    """Free text as value."""
    return _item(relation, "TEXT", name, text(0x0040A160, "UT", value))


def uid_item(relation: Relation, name: Code, value: str) -> bytes:
    """A UID as value."""
    return _item(relation, "UIDREF", name, uid(0x0040A124, value))


def number_item(name: Code, value: float, unit: Code, children: Iterable[bytes] = ()) -> bytes:
    """A measurement: the number as text of at most 16 characters, and beside it as it is."""
    measured = code(0x004008EA, unit) + double(0x0040A161, value) + decimal(0x0040A30A, value)
    return _item(Relation.CONTAINS, "NUM", name, sequence(0x0040A300, measured) + _children(children))


def image_item(
    relation: Relation, name: Code | None, uids: tuple[str, str], frames: Sequence[int] = (), segment: int | None = None
) -> bytes:
    """The image with SOP class and instance *uids*, some *frames* of it, or one *segment* of a Segmentation.

    Without *name* where the template gives none.
    """
    part = b"" if segment is None else unsigned(0x0062000B, segment)
    return sequence(0x00081199, reference(*uids, frames) + part) + _item(relation, "IMAGE", name)


def composite_item(relation: Relation, name: Code | None, sop_class_uid: str, sop_instance_uid: str) -> bytes:
    """An object that is no image, such as another report."""
    return sequence(0x00081199, reference(sop_class_uid, sop_instance_uid)) + _item(relation, "COMPOSITE", name)


def polyline_item(relation: Relation, name: Code, polygon: Sequence[tuple[float, float]], image: bytes) -> bytes:
    """A polygon of (column, row) pairs on the *image* item that it is selected from (PS3.3 C.18.6)."""
    graphic = single(0x00700022, *chain.from_iterable(polygon)) + text(0x00700023, "CS", "POLYLINE")
    return _item(relation, "SCOORD", name, _children([image]) + graphic)


def _item(relation: Relation, value_type: str, name: Code | None, value: bytes = b"") -> bytes:
    named = b"" if name is None else code(0x0040A043, name)
    return text(0x0040A010, "CS", relation.value) + text(0x0040A040, "CS", value_type) + named + value


def _children(children: Iterable[bytes]) -> bytes:
    held = tuple(children)
    return sequence(0x0040A730, *held) if held else b""
