"""The Native DICOM Model (PS3.19 A.1): a dataset as XML, which PS3.18 asks of every service beside JSON.

Both directions go by way of the DICOM JSON Model (PS3.18 F.2), which pydicom reads and writes; of XML it knows nothing.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn
from xml.etree.ElementTree import Element, ParseError, SubElement, TreeBuilder, XMLParser, tostring

from pydicom.datadict import keyword_for_tag

from dicom_io.errors import NotDicomError

#: Media type of one dataset in this form (PS3.18 table 8.7.3-1).
XML_MEDIA_TYPE = "application/dicom+xml"

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_COMPONENT_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")
_NAME_PARTS = ("FamilyName", "GivenName", "MiddleName", "NamePrefix", "NameSuffix")
_WHOLE_NUMBERS = frozenset({"IS", "SL", "SS", "SV", "UL", "US", "UV"})
_NUMBERS = frozenset({"DS", "FD", "FL"})
#: Sequences within sequences; a work item has four.
_DEEPEST = 32
_PRIVATE_BLOCKS = range(0x10, 0x100)
#: Letters that JSON takes and XML 1.0 does not, not even escaped.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_JsonModel = Mapping[str, Any]


def write_native_xml(model: _JsonModel) -> bytes:
    """*model*, a dataset in the DICOM JSON Model, as an XML document in UTF-8."""
    root = Element("NativeDicomModel", {"xmlns": _NAMESPACE, "xml:space": "preserve"})
    _write_attributes(root, model)
    # An XML reader would take a bare carriage return for a line feed.
    return tostring(root, encoding="utf-8", xml_declaration=True).replace(b"\r", b"&#13;")


def read_native_xml(document: bytes) -> dict[str, Any]:
    """The dataset in *document* in the DICOM JSON Model.

    Raises:
        NotDicomError: it is no such document, or holds a document type, which could define entities without end.
    """
    parser = XMLParser(target=_PlainTree())  # noqa: S314  A document type, where entities are defined, is refused.
    try:
        parser.feed(document)
        root = parser.close()
    except (ParseError, ValueError, LookupError) as error:
        raise NotDicomError(f"The body is no XML ({type(error).__name__}); required: a Native DICOM Model.") from None
    if _name(root) != "NativeDicomModel":
        raise NotDicomError("The root of the XML is another; required: NativeDicomModel (PS3.19 A.1).")
    return _read_attributes(root, depth=0)


class _PlainTree(TreeBuilder):
    """Elements and text alone."""

    def doctype(self, *_: object) -> NoReturn:
        raise NotDicomError("The XML holds a document type; required: a Native DICOM Model without one.")


# --------------------------------------------------------------------------------------------------------- writing


def _write_attributes(parent: Element, model: _JsonModel) -> None:
    for tag, told in sorted(model.items()):
        if not _is_private_creator(tag):
            _write_attribute(SubElement(parent, "DicomAttribute", _names(tag, told, model)), told)


def _names(tag: str, told: Mapping[str, Any], model: _JsonModel) -> dict[str, str]:
    """Tag, VR and keyword; a private attribute names its creator in place of its block."""
    if int(tag[3], 16) % 2:
        creator = model.get(f"{tag[:4]}00{tag[4:6]}", {}).get("Value", [""])
        return {"tag": f"{tag[:4]}00{tag[6:]}", "vr": told["vr"], "privateCreator": _clean(str(creator[0]))}
    keyword = keyword_for_tag(tag)
    return {"tag": tag, "vr": told["vr"]} | ({"keyword": keyword} if keyword else {})


def _is_private_creator(tag: str) -> bool:
    return int(tag[3], 16) % 2 == 1 and int(tag[4:], 16) in _PRIVATE_BLOCKS


def _write_attribute(attribute: Element, told: Mapping[str, Any]) -> None:
    if "InlineBinary" in told:
        SubElement(attribute, "InlineBinary").text = told["InlineBinary"]
    if "BulkDataURI" in told:
        SubElement(attribute, "BulkData", {"uri": _clean(told["BulkDataURI"])})
    for number, value in enumerate(told.get("Value", ()), 1):
        _write_value(attribute, told["vr"], str(number), value)


def _write_value(attribute: Element, vr: str, number: str, value: Any) -> None:
    if vr == "SQ":
        _write_attributes(SubElement(attribute, "Item", {"number": number}), value or {})
    elif vr == "PN":
        _write_name(SubElement(attribute, "PersonName", {"number": number}), value or {})
    else:
        SubElement(attribute, "Value", {"number": number}).text = None if value is None else _clean(str(value))


def _write_name(person: Element, groups: Mapping[str, str]) -> None:
    for group in _COMPONENT_GROUPS:
        if groups.get(group):
            told = SubElement(person, group)
            for part, text in zip(_NAME_PARTS, groups[group].split("^"), strict=False):
                if text:
                    SubElement(told, part).text = _clean(text)


def _clean(text: str) -> str:
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)


# --------------------------------------------------------------------------------------------------------- reading


def _read_attributes(parent: Element, *, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise NotDicomError(f"The XML holds more than {_DEEPEST} sequences within each other.")
    model: dict[str, Any] = {}
    for attribute in _children(parent, "DicomAttribute"):
        model[_tag(attribute, model)] = _read_attribute(attribute, depth)
    return model


def _tag(attribute: Element, model: dict[str, Any]) -> str:
    tag = attribute.get("tag", "").upper()
    if len(tag) != 8 or not set(tag) <= set("0123456789ABCDEF"):
        raise NotDicomError("The tag of a DicomAttribute is none; required: eight hexadecimal digits.")
    creator = attribute.get("privateCreator")
    return tag if creator is None else _private_tag(tag, creator, model)


def _private_tag(tag: str, creator: str, model: dict[str, Any]) -> str:
    """*tag* in the block that *creator* has in *model*, or is given there now (PS3.5 7.8.1)."""
    for block in _PRIVATE_BLOCKS:
        holder = model.setdefault(f"{tag[:4]}00{block:02X}", {"vr": "LO", "Value": [creator]})
        if holder.get("Value") == [creator]:
            return f"{tag[:4]}{block:02X}{tag[6:]}"
    raise NotDicomError(f"More private creators than group {tag[:4]} has room for.")


def _read_attribute(attribute: Element, depth: int) -> dict[str, Any]:
    vr = attribute.get("vr", "")
    told: dict[str, Any] = {"vr": vr}
    for binary in _children(attribute, "InlineBinary"):
        told["InlineBinary"] = "".join((binary.text or "").split())
    for bulk in _children(attribute, "BulkData"):
        told["BulkDataURI"] = bulk.get("uri", "")
    if values := _read_values(attribute, vr, depth):
        told["Value"] = values
    return told


def _read_values(attribute: Element, vr: str, depth: int) -> list[Any]:
    if vr == "SQ":
        return [_read_attributes(item, depth=depth + 1) for item in _numbered(attribute, "Item")]
    if vr == "PN":
        return [_read_name(person) for person in _numbered(attribute, "PersonName")]
    return [_read_value(vr, value.text or "") for value in _numbered(attribute, "Value")]


def _numbered(attribute: Element, name: str) -> list[Element]:
    """The values, which must be numbered from 1 as they stand: one that was left out would move the others."""
    values = list(_children(attribute, name))
    if [one.get("number") for one in values] != [str(number) for number in range(1, len(values) + 1)]:
        raise NotDicomError(f"The {name} elements of a DicomAttribute are not numbered 1, 2, 3 and so on.")
    return values


def _read_value(vr: str, text: str) -> str | int | float | None:
    try:
        if vr in _WHOLE_NUMBERS:
            return int(text)
        return float(text) if vr in _NUMBERS else text or None
    except ValueError:
        raise NotDicomError(f"A value of VR {vr} is no number.") from None


def _read_name(person: Element) -> dict[str, str]:
    return {group: _joined(told) for group in _COMPONENT_GROUPS for told in _children(person, group)}


def _joined(group: Element) -> str:
    texts = ["".join(one.text or "" for one in _children(group, part)) for part in _NAME_PARTS]
    return "^".join(texts).rstrip("^")


def _children(parent: Element, name: str) -> Iterator[Element]:
    return (child for child in parent if _name(child) == name)


def _name(element: Element) -> str:
    """The element's name; senders leave out the namespace as DCMTK does."""
    return element.tag.removeprefix(f"{{{_NAMESPACE}}}")
