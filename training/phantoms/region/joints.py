"""Replacements of hips and knees, and re-operations with biopsies, some of which prove a deep infection."""

from collections.abc import Sequence

import numpy as np

from training.phantoms.region.flow import DAY, HOUR
from training.phantoms.region.people import Contact, Person, Segment
from training.phantoms.region.plan import PlannedOperation, PlannedSample
from training.phantoms.region.wards import WardKind

_AUREUS, _EPIDERMIDIS = "3092008", "60875001"
_REPLACED, _PLANNED, _OPERATED_AGAIN = 0.6, 0.8, 0.5
#: Organisms of each biopsy, and whether two of at least three grew the same.
_SHAPES: tuple[tuple[tuple[str, ...], bool], ...] = (
    ((_AUREUS, _AUREUS, ""), True),
    ((_EPIDERMIDIS, _EPIDERMIDIS, _EPIDERMIDIS, "", ""), True),
    ((_AUREUS, "", _AUREUS, _AUREUS), True),
    ((_AUREUS, _EPIDERMIDIS, ""), False),
    ((_AUREUS, _AUREUS), False),
    (("", "", ""), False),
)


def plan_joints(
    rng: np.random.Generator, people: Sequence[Person], until: int
) -> tuple[list[PlannedOperation], list[PlannedSample]]:
    """Operations and biopsies of *people* before minute *until*; the region begins at midnight UTC."""
    operations: list[PlannedOperation] = []
    biopsies: list[PlannedSample] = []
    for person in people:
        found = _replaced(rng, person, len(operations))
        if found is None or found[0].minute >= until:
            continue
        index, place = found
        operations.append(index)
        following = person.contacts[place + 1 : place + 2]
        if not following or rng.random() > _OPERATED_AGAIN:
            continue
        minute = following[0].start + int(rng.uniform(3, 6) * HOUR)
        grown, is_proof = _SHAPES[int(rng.integers(len(_SHAPES)))]
        taken = [minute + 5 * n for n in range(len(grown))]
        if taken[-1] >= min(until, following[0].end):
            continue
        day = minute // DAY - index.minute // DAY
        is_case = is_proof and index.is_planned and 2 <= day <= 90
        operations.append(_again(index, following[0], minute, index.contact.ward_at(index.minute) if is_case else ""))
        biopsies += [_biopsy(rng, operations[-1], n, at, grown[n]) for n, at in enumerate(taken)]
    return operations, biopsies


def _replaced(rng: np.random.Generator, person: Person, count: int) -> tuple[PlannedOperation, int] | None:
    """The first replacement of *person*, if any, and the place of its contact."""
    for place, contact in enumerate(person.contacts):
        segment = _orthopaedic(contact)
        if segment is not None and rng.random() < _REPLACED and not person.is_infant:
            minute = segment.start + int(rng.uniform(1, 5) * HOUR)
            operation = PlannedOperation(
                number=f"SYN-OP-{count:06d}",
                contact=contact,
                minute=minute,
                joint="hip" if rng.random() < 0.5 else "knee",
                side="left" if rng.random() < 0.5 else "right",
                is_again=False,
                is_planned=bool(rng.random() < _PLANNED),
            )
            return operation, place
    return None


def _orthopaedic(contact: Contact) -> Segment | None:
    segments = (segment for part in contact.encounters for segment in part.segments)
    return next((one for one in segments if one.ward.kind is WardKind.ORTHOPAEDIC), None)


def _again(index: PlannedOperation, contact: Contact, minute: int, case_unit: str) -> PlannedOperation:
    return PlannedOperation(
        number=f"{index.number}-R",
        contact=contact,
        minute=minute,
        joint=index.joint,
        side=index.side,
        is_again=True,
        is_planned=True,
        case_unit=case_unit,
    )


def _biopsy(
    rng: np.random.Generator, operation: PlannedOperation, number: int, minute: int, organism: str
) -> PlannedSample:
    return PlannedSample(
        number=f"{operation.number}-B{number}",
        contact=operation.contact,
        specimen="joint_biopsy",
        minute=minute,
        answered=minute + int(rng.uniform(48, 120) * HOUR),
        organisms=(organism,) if organism else (),
    )
