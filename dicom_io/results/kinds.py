"""What a report can be written as, and who gets what; light to import, since the settings name these too."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum


class ResultKind(Enum):
    """The members of an output profile."""

    #: Comprehensive 3D SR, TID 1500.
    SR = "sr"
    #: Binary Segmentation.
    SEG = "seg"
    #: Label Map Segmentation, for archives that take it and no binary one.
    LABELMAP = "labelmap"
    #: Parametric Map: where the model looked, as numbers.
    HEAT_MAP = "pm"
    #: Key Object Selection: the images that findings lie on.
    KOS = "kos"
    #: Grayscale Softcopy Presentation State: the findings drawn over their images.
    GSPS = "gsps"
    #: Secondary Capture with the findings drawn.
    SC = "sc"
    #: Encapsulated PDF for people.
    PDF = "pdf"


@dataclass(frozen=True, kw_only=True)
class Audience:
    """Which destinations an object is for, told by what their profiles take."""

    #: All of these are taken.
    takes: frozenset[ResultKind]
    #: None of these is taken: something better goes there in this object's place.
    lacks: frozenset[ResultKind] = frozenset()

    def includes(self, profile: Collection[ResultKind]) -> bool:
        """Whether a destination with that *profile* gets the object."""
        return self.takes.issubset(profile) and self.lacks.isdisjoint(profile)


def audience(*takes: ResultKind, lacks: Collection[ResultKind] = ()) -> Audience:
    """The destinations that take all of *takes* and none of *lacks*."""
    return Audience(takes=frozenset(takes), lacks=frozenset(lacks))
