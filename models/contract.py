"""Whether a case lies within a model's conditions of use, in words a radiographer can act on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from dicom_io.study import Instance, Series, Study
from ehr_io.events import EventKind, Stay
from models.manifest import InputLimits


class ViolationCode(Enum):
    """Which condition of use does not hold; a closed set for metrics."""

    #: The study holds nothing of an accepted modality, body part or view.
    NO_SUITABLE_IMAGE = "no_suitable_image"
    #: The patient's age is outside the accepted range, or not given where it must be.
    AGE = "age"
    #: The image is smaller than the model can read.
    IMAGE_TOO_SMALL = "image_too_small"
    #: The series has too few slices.
    TOO_FEW_SLICES = "too_few_slices"
    #: Slices are too far apart.
    SLICES_TOO_FAR_APART = "slices_too_far_apart"
    #: The stay has ended: a risk of what may still come makes no sense.
    STAY_ENDED = "stay_ended"


@dataclass(frozen=True, kw_only=True)
class Violation:
    """One condition of use that does not hold."""

    #: Which.
    code: ViolationCode
    #: What was found, what is required.
    text: str


_DAYS_PER_YEAR = 365.2425
#: Image Type (0008,0008) values of images made after the examination, or for orientation. DERIVED is none of them:
#: every radiograph For Presentation bears it (PS3.3 C.8.11.3.1.1), and so does one that was compressed (C.7.6.1.1.2).
_NOT_FOR_READING = frozenset({"SECONDARY", "LOCALIZER"})
#: Digital X-ray, mammography and intra-oral X-ray For Processing (PS3.4 B.5): detector counts no model learned from.
_FOR_PROCESSING = frozenset(
    {"1.2.840.10008.5.1.4.1.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.2.1", "1.2.840.10008.5.1.4.1.1.1.3.1"}
)


def suitable_series(study: Study, limits: InputLimits) -> tuple[Series, ...]:
    """The series of *study* that *limits* accepts by modality and body part, each with its suitable images only."""
    return tuple(
        _only(series, images)
        for series in study.series
        if series.modality in limits.modalities and (not series.body_part or _fits(series.body_part, limits.body_parts))
        if (images := tuple(image for image in series.instances if _is_suitable(image, limits)))
    )


def check_study(study: Study, limits: InputLimits) -> tuple[Violation, ...]:
    """Conditions that the whole study breaks; empty when there is something to analyse."""
    return tuple(_study_violations(study, limits))


def check_image(image: Instance, limits: InputLimits) -> tuple[Violation, ...]:
    """Conditions that one image breaks."""
    if min(image.rows, image.columns) >= limits.minimum_size_px:
        return ()
    text = (
        f"the image has {image.rows} x {image.columns} pixels; at least {limits.minimum_size_px} each way are required"
    )
    return (Violation(code=ViolationCode.IMAGE_TOO_SMALL, text=text),)


def check_stack(slices: int, spacing_mm: float, limits: InputLimits) -> tuple[Violation, ...]:
    """Conditions that a stack of *slices*, *spacing_mm* apart, breaks."""
    return tuple(_stack_violations(slices, spacing_mm, limits))


def check_stay(stay: Stay, limits: InputLimits, moment: datetime) -> tuple[Violation, ...]:
    """Conditions that *stay*, as known at *moment*, breaks."""
    return tuple(_stay_violations(stay, limits, moment))


def _stay_violations(stay: Stay, limits: InputLimits, moment: datetime) -> Iterator[Violation]:
    births = [event.event_time for event in stay.events if event.code == "birth_date"]
    yield from _age_violations((moment - births[-1]).days / _DAYS_PER_YEAR if births else None, limits)
    if any(event.kind is EventKind.DISCHARGE and event.event_time <= moment for event in stay.events):
        yield Violation(code=ViolationCode.STAY_ENDED, text="the stay has ended; only running stays are scored")


def _age_violations(age_years: float | None, limits: InputLimits) -> Iterator[Violation]:
    lowest, highest = limits.age_years
    meant = f"{lowest:g} to {highest:g} years, for which the model is meant"
    if age_years is None and limits.age_required:
        text = f"the patient's age is not given; it must be known to be {meant}"
        yield Violation(code=ViolationCode.AGE, text=text)
    if age_years is not None and not lowest <= age_years <= highest:
        # The age itself is the patient's and stays out of the text.
        yield Violation(code=ViolationCode.AGE, text=f"the patient's age is outside {meant}")


def _study_violations(study: Study, limits: InputLimits) -> Iterator[Violation]:
    yield from _age_violations(study.patient_age_years, limits)
    if not suitable_series(study, limits):
        found = ", ".join(sorted({_kind(series) for series in study.series}))
        wanted = f"{_either(limits.modalities)} of {_either(limits.body_parts) or 'any body part'}"
        views = f", view {_either(limits.view_positions)}" if limits.view_positions else ""
        text = f"no image in the study is one the model is meant for: found {found}, required primary {wanted}{views}"
        yield Violation(code=ViolationCode.NO_SUITABLE_IMAGE, text=text)


def _kind(series: Series) -> str:
    kind = f"{series.modality or '?'} {series.body_part}".strip()
    return kind if any(image.has_pixels for image in series.instances) else f"{kind} without pixels"


def _stack_violations(slices: int, spacing_mm: float, limits: InputLimits) -> Iterator[Violation]:
    if slices < limits.minimum_slices:
        text = f"the series has {slices} slices; at least {limits.minimum_slices} are required"
        yield Violation(code=ViolationCode.TOO_FEW_SLICES, text=text)
    most = limits.maximum_slice_spacing_mm
    if most is not None and spacing_mm > most:
        text = f"slices are {spacing_mm:.2f} mm apart; at most {most:g} mm are accepted"
        yield Violation(code=ViolationCode.SLICES_TOO_FAR_APART, text=text)


def _is_suitable(image: Instance, limits: InputLimits) -> bool:
    if not image.has_pixels or _NOT_FOR_READING.intersection(image.image_type):
        return False
    if image.sop_class_uid in _FOR_PROCESSING:
        return False
    return not image.view_position or _fits(image.view_position, limits.view_positions)


def _fits(value: str, accepted: tuple[str, ...]) -> bool:
    return not accepted or value in accepted


def _only(series: Series, images: tuple[Instance, ...]) -> Series:
    return replace(series, instances=images)


def _either(values: Iterable[str]) -> str:
    return " or ".join(values)
