"""Which objects a report becomes, and for whom: destinations differ in what they take."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial

from dicom_io.findings import Outcome, Report
from dicom_io.results.draft import Draft
from dicom_io.results.key_objects import has_key_images, key_object_selection
from dicom_io.results.kinds import Audience, ResultKind, audience
from dicom_io.results.measurement_groups import Place, place_of
from dicom_io.results.measurement_report import measurement_report
from dicom_io.results.parametric_map import can_be_told, parametric_map
from dicom_io.results.pdf_report import pdf_report
from dicom_io.results.picture import DrawnPicture
from dicom_io.results.presentation_state import presentation_states
from dicom_io.results.provenance import Provenance
from dicom_io.results.secondary_capture import secondary_capture
from dicom_io.results.segmentation import Marked, segmentation
from dicom_io.results.source import SourceSeries


@dataclass(frozen=True, kw_only=True)
class Whole:
    """Everything that the objects of one report are made from."""

    #: What is said.
    report: Report
    #: Who says it, when, of whom.
    provenance: Provenance
    #: The images that were read.
    sources: SourceSeries
    #: The findings with a mask; None when there are none.
    masks: Marked | None
    #: The picture for people, being drawn while the rest is built; None where nothing was decoded.
    drawing: Future[DrawnPicture] | None

    @property
    def drawn(self) -> DrawnPicture | None:
        """The picture, once it is there."""
        return None if self.drawing is None else self.drawing.result()


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What is worth making as soon as one destination is in its audience."""

    #: Whom it is for.
    audience: Audience
    #: Makes it: one object, or several where the standard has no one object for it.
    build: Callable[[], tuple[Draft, ...]]


def planned(whole: Whole) -> Iterator[Planned]:
    """Every object of the report; a Segmentation before the SR that refers to it, so that a viewer finds it."""
    for kind in _mask_kinds(whole):
        if kind is not None and whole.masks is not None:
            build = partial(segmentation, kind, whole.masks, whole.provenance, whole.sources)
            yield Planned(audience=_mask_audience(whole, kind), build=_one(build))
    yield from _reports(whole)
    yield from _pointers(whole)
    if whole.drawing is not None:
        # A picture of nothing is clutter beside an SR that says so, and the only word where no SR is taken.
        lacks = () if whole.report.outcome is Outcome.FINDING else (ResultKind.SR,)
        build = partial(_capture, whole, whole.drawing)
        yield Planned(audience=audience(ResultKind.SC, lacks=lacks), build=_one(build))
    yield Planned(audience=audience(ResultKind.PDF), build=_one(partial(_page, whole)))


def _one(build: Callable[[], Draft]) -> Callable[[], tuple[Draft, ...]]:
    return lambda: (build(),)


def _capture(whole: Whole, drawing: Future[DrawnPicture]) -> Draft:
    return secondary_capture(whole.report, drawing.result(), whole.provenance, whole.sources)


def _page(whole: Whole) -> Draft:
    return pdf_report(whole.report, whole.drawn, whole.provenance, whole.sources)


def split_by_place(report: Report) -> tuple[Report, ...]:
    """*report* as one report for each way its findings are placed, since one SR holds only one."""
    places = {place_of(finding): None for finding in report.findings}
    if len(places) < 2:
        return (report,)
    return tuple(
        replace(report, findings=tuple(one for one in report.findings if place_of(one) is place)) for place in places
    )


def _reports(whole: Whole) -> Iterator[Planned]:
    for part in split_by_place(whole.report):
        volumetric = any(place_of(finding) is Place.VOLUMETRIC for finding in part.findings)
        for kind in _mask_kinds(whole) if volumetric else (None,):
            wanted = _mask_audience(whole, kind) if volumetric else audience()
            build = partial(measurement_report, part, whole.provenance, whole.sources, kind)
            yield Planned(audience=replace(wanted, takes=wanted.takes | {ResultKind.SR}), build=_one(build))


def _pointers(whole: Whole) -> Iterator[Planned]:
    """What points at images without measuring: key images, drawings over them, heat maps."""
    if has_key_images(whole.report):
        key_images = partial(key_object_selection, whole.report, whole.provenance, whole.sources)
        yield Planned(audience=audience(ResultKind.KOS), build=_one(key_images))
        drawings = partial(presentation_states, whole.report, whole.provenance, whole.sources)
        yield Planned(audience=audience(ResultKind.GSPS), build=drawings)
    for heat_map in whole.report.heat_maps:
        if can_be_told(heat_map, whole.sources):
            made = partial(parametric_map, heat_map, whole.provenance, whole.sources)
            yield Planned(audience=audience(ResultKind.HEAT_MAP), build=_one(made))


def _mask_kinds(whole: Whole) -> tuple[ResultKind | None, ...]:
    """The ways of telling masks, None being without; a label map cannot tell masks that overlap."""
    if whole.masks is None:
        return (None,)
    if whole.masks.overlap:
        return (ResultKind.SEG, None)
    return (ResultKind.SEG, ResultKind.LABELMAP, None)


def _mask_audience(whole: Whole, kind: ResultKind | None) -> Audience:
    """Whom masks are told to in that way: binary to all who take it, as most do; without, only who takes neither."""
    better = [one for one in _mask_kinds(whole) if one is not None]
    if kind is None:
        return audience(lacks=better)
    return audience(kind, lacks=better[: better.index(kind)])
