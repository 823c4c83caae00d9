"""What the exit code of ``varsel`` means."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Said to whoever started us."""

    #: All was done.
    OK = 0
    #: The job failed.
    FAILED = 1
    #: Wrong use: arguments or settings that cannot be.
    WRONG_USE = 2
    #: Some of it was done, some not; each part is listed.
    PARTLY = 3


#: For the foot of help texts.
EXPLAINED = "Exit codes: 0 done, 1 failed, 2 wrong use or settings, 3 partly done."
