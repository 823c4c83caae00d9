"""What can go wrong with a work item.

WorkitemError
├── WorkitemFormatError     it does not say what it must
├── UnknownWorkitemError    there is none with this UID
├── WorkitemConflictError   it does not stand where the request thinks it does
│   └── WrongTransactionError   someone else has claimed it
└── ManagerDownError        its manager does not answer: trying again may help
"""

from dicom_io.errors import DicomIoError


class WorkitemError(DicomIoError):
    """A work item cannot be used as asked."""


class WorkitemFormatError(WorkitemError):
    """The work item does not say what it must."""


class UnknownWorkitemError(WorkitemError):
    """There is no work item with this UID."""


class WorkitemConflictError(WorkitemError):
    """The request does not fit the state in which the work item is."""


class WrongTransactionError(WorkitemConflictError):
    """The Transaction UID is not that of whoever has claimed the work item."""


class ManagerDownError(WorkitemError):
    """The manager of the work item does not answer; trying again may help."""
