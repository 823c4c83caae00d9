"""Every result object as a tree, for docs/dicom-objects.md.

``PYTHONPATH=.:tests:tests/integration python tests/factories/object_trees.py`` writes the trees anew;
tests/contracts/test_dicom_objects.py holds the page to what is really written.
"""

import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from factories.results import chest_case, nodule_case, study_of
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from dicom_io.codes import LUNG
from dicom_io.findings import EarlierReport, HeatMap, Outcome
from dicom_io.results.kinds import ResultKind
from dicom_io.results.withdrawal import EarlierObject, Withdrawal, WithdrawalReason, write_withdrawal
from dicom_io.results.write import WrittenObject, write_results

PAGE = Path(__file__).parents[2] / "docs" / "dicom-objects.md"
#: Items of a long sequence that are shown.
_SHOWN_ITEMS = 2
_LONGEST_VALUE = 60
_BLOCK = re.compile(r"<!-- tree: (?P<name>[a-z -]+) -->\n```\n.*?```\n", re.DOTALL)
_CONTENT = "ContentSequence"
#: SOP Class, Modality, Series Description, Series Number: every object has them, each its own.
_ALWAYS_SHOWN = {Tag(one) for one in ("SOPClassUID", "Modality", "SeriesDescription", "SeriesNumber")}


def page_with_trees(page: str) -> str:
    """*page* with each of its tree blocks as it should be."""
    with tempfile.TemporaryDirectory() as scratch:
        objects = {name: dcmread(path) for name, path in _objects(Path(scratch))}
        shared = set.intersection(*(set(one.keys()) for one in objects.values())) - _ALWAYS_SHOWN
        trees = {name: tree_of(_without(one, shared)) for name, one in objects.items()}
        trees["in every object"] = tree_of(_only(next(iter(objects.values())), shared))
    return _BLOCK.sub(lambda found: f"<!-- tree: {found['name']} -->\n```\n{trees[found['name']]}\n```\n", page)


def tree_of(dataset: Dataset) -> str:
    """The attributes, indented by nesting; content items in one line each; UIDs and pixels left out."""
    return "\n".join(_lines(dataset, 0))


def _without(dataset: Dataset, tags: set[BaseTag]) -> Dataset:
    return _only(dataset, set(dataset.keys()) - tags)


def _only(dataset: Dataset, tags: set[BaseTag]) -> Dataset:
    chosen = Dataset()
    for tag in tags:
        chosen.add(dataset[tag])
    return chosen


def _lines(dataset: Dataset, depth: int) -> Iterator[str]:
    for element in dataset:
        if element.VR != "SQ":
            yield f"{'  ' * depth}{element.tag} {element.keyword or 'FloatPixelData'}{_value(element)}"
        elif element.keyword == _CONTENT:
            yield f"{'  ' * depth}{element.tag} {element.keyword}"
            yield from _content_lines(element.value, depth + 1)
        elif len(element.value) == 1 and "CodeMeaning" in element.value[0]:
            yield f"{'  ' * depth}{element.tag} {element.keyword} = {_code(element.value[0])}"
        else:
            yield f"{'  ' * depth}{element.tag} {element.keyword} ({len(element.value)})"
            for item in element.value[:_SHOWN_ITEMS]:
                yield from _lines(item, depth + 1)
                yield f"{'  ' * (depth + 1)}-"


def _content_lines(items: list[Dataset], depth: int) -> Iterator[str]:
    """Runs of items that are alike but for what they refer to are shown as one."""
    last, repeated = "", 0
    for item in [*items, Dataset()]:
        line = f"{'  ' * depth}{_content_line(item)}" if "ValueType" in item else ""
        if line == last and "ContentSequence" not in item:
            repeated += 1
            continue
        if repeated:
            yield f"{'  ' * depth}... {repeated} more"
        last, repeated = line, 0
        if line:
            yield line
        yield from _content_lines(item.get(_CONTENT, []), depth + 1)


def _content_line(item: Dataset) -> str:
    name = f" {_code(item.ConceptNameCodeSequence[0])}" if "ConceptNameCodeSequence" in item else ""
    template = (
        f" [TID {item.ContentTemplateSequence[0].TemplateIdentifier}]" if "ContentTemplateSequence" in item else ""
    )
    return f"{item.RelationshipType} {item.ValueType}{name}{template}{_content_value(item)}"


def _content_value(item: Dataset) -> str:
    if item.ValueType == "CODE":
        return f" = {_code(item.ConceptCodeSequence[0])}"
    if item.ValueType == "TEXT":
        return f" = '{_short(item.TextValue)}'"
    if item.ValueType == "NUM":
        (measured,) = item.MeasuredValueSequence
        return f" = {measured.NumericValue} {measured.MeasurementUnitsCodeSequence[0].CodeValue}"
    if item.ValueType == "SCOORD":
        return f" = {item.GraphicType} of {len(item.GraphicData) // 2} points"
    if item.ValueType in ("IMAGE", "COMPOSITE"):
        (reference,) = item.ReferencedSOPSequence
        segment = f", segment {reference.ReferencedSegmentNumber}" if "ReferencedSegmentNumber" in reference else ""
        return f" = {_class(reference.ReferencedSOPClassUID)}{segment}"
    return ""


def _value(element: DataElement) -> str:
    if element.keyword.endswith("SOPClassUID"):
        return f" = {_class(element.value)}"
    # Our own version changes with every release, the page shall not.
    if element.VR in ("UI", "OB", "OW", "OF") or element.keyword == "SoftwareVersions":
        return ""
    if element.is_empty:
        return " (empty)"
    return f" = {_short(str(element.value))}"


def _class(uid: str) -> str:
    names = {"1.2.840.10008.5.1.4.1.1.66.7": "Label Map Segmentation Storage"}
    return names.get(uid) or uid.name if hasattr(uid, "name") else names.get(uid, uid)


def _code(item: Dataset) -> str:
    value = item.get("CodeValue") or item.LongCodeValue
    return f"({value}, {item.CodingSchemeDesignator}, {item.CodeMeaning})"


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _objects(scratch: Path) -> Iterator[tuple[str, Path]]:
    yield from _of_radiograph(scratch / "radiograph")
    yield from _of_ct(scratch / "ct")


def _of_radiograph(scratch: Path) -> Iterator[tuple[str, Path]]:
    instances, report, radiograph = chest_case(scratch)
    study = study_of(instances)
    profile = (ResultKind.SR, ResultKind.GSPS, ResultKind.SC, ResultKind.PDF)
    written = write_results(report, study, radiograph, [profile], scratch / "out")
    names = {
        ResultKind.SR: "planar report",
        ResultKind.GSPS: "presentation state",
        ResultKind.SC: "secondary capture",
        ResultKind.PDF: "pdf",
    }
    yield from ((names[one.kind], one.path) for one in written)
    silent = replace(
        report,
        generation=2,
        findings=(),
        outcome=Outcome.NOT_ANALYSED,
        reason="billedet er et knæ",
        scores={},
        predecessors=tuple(_earlier(one) for one in written if one.kind is ResultKind.SR),
    )
    (negative,) = write_results(silent, study, None, [(ResultKind.SR,)], scratch / "silent")
    yield "report without finding", negative.path
    note = Withdrawal(
        study_instance_uid=report.study_instance_uid,
        objects=tuple(EarlierObject(**_named(one), path=one.path) for one in written),
        reason=WithdrawalReason.SUPERSEDED,
        algorithm=report.algorithm,
        created_at=report.created_at,
        language="da",
    )
    yield "rejection note", write_withdrawal(note, scratch / "note").path


def _of_ct(scratch: Path) -> Iterator[tuple[str, Path]]:
    instances, report, volume = nodule_case(scratch)
    values = np.full(volume.voxels.shape, 0.5, dtype=np.float32)
    uids = volume.sop_instance_uids
    heat_map = HeatMap(label="nodule", text="Nodulus", site=LUNG, values=values, sop_instance_uids=uids)
    report = replace(report, heat_maps=(heat_map,))
    profiles = [
        (ResultKind.SR, ResultKind.SEG),
        (ResultKind.LABELMAP, ResultKind.KOS, ResultKind.HEAT_MAP),
    ]
    names = {
        ResultKind.SR: "volumetric report",
        ResultKind.SEG: "segmentation",
        ResultKind.LABELMAP: "label map",
        ResultKind.KOS: "key objects",
        ResultKind.HEAT_MAP: "parametric map",
    }
    written = write_results(report, study_of(instances), volume, profiles, scratch / "out")
    yield from ((names[one.kind], one.path) for one in written)


def _earlier(one: WrittenObject) -> EarlierReport:
    return EarlierReport(**_named(one))


def _named(one: WrittenObject) -> dict[str, str]:
    return {
        "sop_class_uid": one.sop_class_uid,
        "sop_instance_uid": one.sop_instance_uid,
        "series_instance_uid": one.series_instance_uid,
    }


if __name__ == "__main__":
    PAGE.write_text(page_with_trees(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
