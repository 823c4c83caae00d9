"""What can go wrong while speaking DICOM.

DicomIoError
├── NotDicomError            the bytes are no DICOM object
├── IncompleteObjectError    an identifying attribute is missing or malformed
├── PixelError               the pixels cannot be read
│   ├── NoPixelsError        there are none
│   └── UnsupportedPixelsError   a transfer syntax or layout that no decoder here takes
├── GeometryError            the instances do not form one volume
├── SpoolError               an object cannot be kept on disk
│   └── SpoolFullError       too little space to keep another object safely
├── InboxUnavailableError    an object is on disk but cannot be recorded now
├── ProtocolError            a peer broke the rules of the upper layer or of DIMSE
├── TlsFilesError            certificates or keys that no secure connection can be made with
├── ConformanceError         a result of ours breaks a rule and may not leave
└── SendError                a destination did not take an object
    ├── UnreachableError     no association could be made or it broke: trying again may help
    │   └── BusyError        the peer takes no association just now
    └── RejectedError        the destination answered with a failure status: trying again will not help

A docstring is the error's default message. Wire codes (DIMSE, HTTP) are given at the doors, not here.
"""


class DicomIoError(Exception):
    """DICOM work failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class NotDicomError(DicomIoError):
    """The bytes are not a DICOM object."""


class IncompleteObjectError(DicomIoError):
    """An identifying attribute is missing or malformed."""


class PixelError(DicomIoError):
    """The pixels cannot be read."""


class NoPixelsError(PixelError):
    """The instance holds no pixel data."""


class UnsupportedPixelsError(PixelError):
    """No decoder here reads this transfer syntax or pixel layout."""


class GeometryError(DicomIoError):
    """The instances do not form one regular volume."""


class SpoolError(DicomIoError):
    """The object cannot be kept on disk."""


class SpoolFullError(SpoolError):
    """Too little free space to keep another object safely."""


class InboxUnavailableError(DicomIoError):
    """The object cannot be recorded now; the sender should send it again later."""


class ProtocolError(DicomIoError):
    """The peer sent something that the upper layer (PS3.8) or DIMSE (PS3.7) does not allow here."""


class TlsFilesError(DicomIoError):
    """The certificates or keys do not make a secure connection possible."""


class ConformanceError(DicomIoError):
    """A result object breaks a rule of the standard and may not leave."""


class SendError(DicomIoError):
    """A destination did not take an object."""


class UnreachableError(SendError):
    """No association could be made, or it broke; trying again may help."""


class BusyError(UnreachableError):
    """The peer takes no association now, and may take one in a moment (PS3.8 9.3.4: rejected-transient)."""


class RejectedError(SendError):
    """The destination answered with a failure status; trying the same bytes again will not help."""
