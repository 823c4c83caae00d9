"""Rules that an SR of ours must keep, checked on its encoded content: no validator at hand checks them."""

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from dicom_io.results.decoding import Values, code_of, items_of, text_of, value_of, values_of
from dicom_io.results.segmentation import SOP_CLASSES
from dicom_io.results.source import SourceSeries

_GROUP_TEMPLATES = {"1410", "1411", "1501"}
_TRACKING_IDENTIFIER, _TRACKING_UID = "112039", "112040"
_ALGORITHM_NAME, _ALGORITHM_VERSION = "111001", "111003"
_FINDING_SITE = "363698007"
_OBSERVER_TYPE, _DEVICE = "121005", "121007"
#: Device Observer UID, name, manufacturer, model, serial number (TID 1004).
_DEVICE_OBSERVER = {"121012", "121013", "121014", "121015", "121016"}
_IMAGE_LIBRARY, _IMAGING_MEASUREMENTS, _MEASUREMENT_GROUP = "111028", "126010", "125007"
_CONTENT = 0x0040A730


@dataclass(frozen=True, kw_only=True)
class ContentItem:
    """One content item as read."""

    #: Tag -> value.
    values: Values

    @property
    def name(self) -> str:
        """Code Value of its concept name; empty where it has none."""
        return code_of(self.values.get(0x0040A043, b""))[0]

    @property
    def value_type(self) -> str:
        """Value Type (0040,A040)."""
        return self.text(0x0040A040)

    @property
    def template(self) -> str:
        """Number of its template (PS3.3 C.18.8); empty where it has none."""
        for item in items_of(self.values.get(0x0040A504, b"")):
            return text_of(values_of(item).get(0x0040DB00, b""))
        return ""

    @cached_property
    def children(self) -> tuple["ContentItem", ...]:
        """What stands below it."""
        return tuple(ContentItem(values=values_of(item)) for item in items_of(self.values.get(_CONTENT, b"")))

    def text(self, tag: int) -> str:
        """An attribute of characters; empty when absent."""
        return text_of(self.values.get(tag, b""))

    def named(self, name: str) -> list["ContentItem"]:
        """Its children with that concept name."""
        return [child for child in self.children if child.name == name]

    def descendants(self) -> Iterator["ContentItem"]:
        """Everything below it."""
        for child in self.children:
            yield child
            yield from child.descendants()


def report_faults(held: Mapping[int, bytes], sources: SourceSeries) -> Iterator[str]:
    """What is wrong with an SR, given as tag -> encoded element."""
    root = ContentItem(values={tag: value_of(element) for tag, element in held.items()})
    if root.name != "126000":
        yield "root concept is not (126000, DCM, Imaging Measurement Report)"
    if root.template != "1500":
        yield "root template is not 1500"
    flags = (root.text(0x0040A491), root.text(0x0040A493), root.text(0x0040A496))
    if flags != ("COMPLETE", "UNVERIFIED", "PRELIMINARY"):
        yield f"status is {flags}, required COMPLETE, UNVERIFIED, PRELIMINARY"
    yield from _observer_faults(root)
    if not any(group.children for group in root.named(_IMAGE_LIBRARY)):
        yield "Image Library is missing or empty"
    groups = [group for part in root.named(_IMAGING_MEASUREMENTS) for group in part.named(_MEASUREMENT_GROUP)]
    if not groups:
        yield "there is no Measurement Group"
    for number, group in enumerate(groups, start=1):
        yield from (f"group {number}: {fault}" for fault in _group_faults(group))
    everything = tuple(root.descendants())
    yield from _tree_faults(everything)
    yield from _reference_faults(root, everything, sources)


def _observer_faults(root: ContentItem) -> Iterator[str]:
    if {code_of(item.values.get(0x0040A168, b""))[0] for item in root.named(_OBSERVER_TYPE)} != {_DEVICE}:
        yield "Observer Type is not Device"
    missing = _DEVICE_OBSERVER - {item.name for item in root.children}
    if missing:
        yield f"device observer lacks {', '.join(sorted(missing))}"


def _group_faults(group: ContentItem) -> Iterator[str]:
    names = [item.name for item in group.children]
    if group.template not in _GROUP_TEMPLATES:
        yield "template is not 1410, 1411 or 1501"
    for name in (_TRACKING_IDENTIFIER, _TRACKING_UID, _ALGORITHM_NAME, _ALGORITHM_VERSION):
        if names.count(name) != 1:
            yield f"holds {names.count(name)} of ({name}, DCM), required one"
    references = [item.name for item in group.children if item.value_type == "UIDREF"]
    if references[:1] != [_TRACKING_UID]:
        yield "the first UIDREF is not the Tracking Unique Identifier"


def _tree_faults(everything: Sequence[ContentItem]) -> Iterator[str]:
    """Rules on single items, wherever they stand."""
    for item in everything:
        if item.name == _FINDING_SITE and item.text(0x0040A010) != "HAS CONCEPT MOD":
            yield "Finding Site is not HAS CONCEPT MOD"
        if item.value_type == "NUM":
            yield from _number_faults(item)
        if item.value_type == "SCOORD" and item.text(0x00700023) == "POLYLINE":
            corners = item.values[0x00700022]
            if len(corners) < 32 or corners[:8] != corners[-8:]:
                yield "a POLYLINE is not closed"


def _number_faults(item: ContentItem) -> Iterator[str]:
    (measured,) = map(values_of, items_of(item.values[0x0040A300]))
    if code_of(measured[0x004008EA])[1] != "UCUM":
        yield f"a unit of {item.name} is not UCUM"
    told = text_of(measured[0x0040A30A])
    (number,) = struct.unpack("<d", measured[0x0040A161])
    if not math.isfinite(number) or not math.isclose(float(told), number, rel_tol=1e-9) or len(told) > 16:
        yield f"the number of {item.name} is not finite, not that of its text, or longer than 16 characters"


def _reference_faults(root: ContentItem, everything: Sequence[ContentItem], sources: SourceSeries) -> Iterator[str]:
    """Every image named in the tree was read or is evidence of ours, and stands in the evidence (PS3.3 C.17.2.3)."""
    named = {_referenced(item) for image in everything for item in items_of(image.values.get(0x00081199, b""))}
    evidence = set(_evidence(root))
    for sop_class_uid, uid in sorted(named):
        if uid not in evidence:
            yield f"'{uid}' is referenced but not in the evidence"
        if uid not in sources.uids and sop_class_uid not in SOP_CLASSES.values():
            yield f"'{uid}' is referenced but was not read"


def _evidence(root: ContentItem) -> Iterator[str]:
    for study in items_of(root.values.get(0x0040A375, b"")):
        for series in items_of(values_of(study)[0x00081115]):
            for item in items_of(values_of(series)[0x00081199]):
                yield _referenced(item)[1]


def _referenced(item: bytes) -> tuple[str, str]:
    values = values_of(item)
    return text_of(values[0x00081150]), text_of(values[0x00081155])
