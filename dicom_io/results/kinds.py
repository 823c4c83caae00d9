"""What a report can be written as; light to import, since the settings name these too."""

from enum import Enum


class ResultKind(Enum):
    """The members of an output profile."""

    #: Comprehensive 3D SR, TID 1500.
    SR = "sr"
    #: Binary Segmentation.
    SEG = "seg"
    #: Secondary Capture with the findings drawn.
    SC = "sc"
