"""The hospitals of the region and their wards; obviously invented codes in the manner of the Danish SOR."""

from dataclasses import dataclass
from enum import Enum


class WardKind(Enum):
    """What a ward does; the value is part of its code."""

    #: Internal medicine.
    MEDICAL = "MED"
    #: Abdominal surgery.
    SURGICAL = "SURG"
    #: Orthopaedics: where hips and knees are replaced.
    ORTHOPAEDIC = "ORTO"
    #: Geriatrics.
    GERIATRIC = "GER"
    #: Urology.
    UROLOGICAL = "URO"
    #: Intensive care.
    INTENSIVE = "ITA"
    #: Children.
    PAEDIATRIC = "PED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ward:
    """One ward."""

    #: E.g. ``SYN-A-MED-1``.
    code: str
    #: E.g. ``SYN-A``.
    hospital: str
    #: What it does.
    kind: WardKind
    #: How many patients it holds.
    beds: int


_HOSPITALS = ("SYN-A", "SYN-B", "SYN-C")
_BEDS_OF_A_WARD = 24
#: In this order wards are added to each hospital in turn.
_MIX = (
    WardKind.MEDICAL,
    WardKind.ORTHOPAEDIC,
    WardKind.SURGICAL,
    WardKind.GERIATRIC,
    WardKind.MEDICAL,
    WardKind.UROLOGICAL,
    WardKind.INTENSIVE,
    WardKind.PAEDIATRIC,
)


def make_wards(beds: int) -> tuple[Ward, ...]:
    """Wards that together have *beds*, spread over three hospitals."""
    wards: list[Ward] = []
    while beds > 0:
        number = len(wards)
        hospital, kind = _HOSPITALS[number % len(_HOSPITALS)], _MIX[number // len(_HOSPITALS) % len(_MIX)]
        count = sum(ward.hospital == hospital and ward.kind is kind for ward in wards) + 1
        size = min(beds, _BEDS_OF_A_WARD)
        wards.append(Ward(code=f"{hospital}-{kind.value}-{count}", hospital=hospital, kind=kind, beds=size))
        beds -= size
    return tuple(wards)
