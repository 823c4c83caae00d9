"""The languages that a command can be asked for."""

from enum import Enum


class Language(Enum):
    """Language of what is said and found."""

    #: English.
    EN = "en"
    #: Danish.
    DA = "da"
