"""How a C-STORE is answered (PS3.4 B.2.3, table B.2-1)."""

from enum import Enum


class StoreStatus(Enum):
    """The answers that our Storage SCP gives."""

    #: Success: on disk and recorded; the sender may forget the object.
    SUCCESS = 0x0000
    #: Refused, out of resources: the disk is full or the object cannot be recorded. Sending again later helps.
    OUT_OF_RESOURCES = 0xA700
    #: Error, data set does not match SOP class: command and dataset name different objects. A repeat does not help.
    DATA_SET_MISMATCH = 0xA900
    #: Error, cannot understand: the bytes are no usable object. Sending again does not help.
    CANNOT_UNDERSTAND = 0xC000
    #: Error, cannot understand: larger than we take. Sending again does not help.
    TOO_LARGE = 0xC001
