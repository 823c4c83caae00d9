"""Why an object is not written in a de-identified form.

DeidentifyError
├── WithheldError   it may tell who the patient is in a way that is not covered here
└── KeyFileError    the key file cannot be used
"""

from dicom_io.errors import DicomIoError


class DeidentifyError(DicomIoError):
    """The object cannot be de-identified."""


class WithheldError(DeidentifyError):
    """The object may tell who the patient is in a way that is not covered here."""


class KeyFileError(DeidentifyError):
    """The key file cannot be used."""
