"""What can go wrong while speaking to the patient record.

EhrIoError
├── NotFhirError             the body is no FHIR resource we can read
├── BodyTooLargeError        the body, or the number of its entries, is over the limit
├── NotHl7Error              the bytes are no HL7 v2 message that we can read
├── MllpError                the lower layer is broken: framing, size, time, connection
├── FhirServerError          a FHIR server did not take what was sent, now
│   └── FhirRefusedError     it answered that it never will
├── WebhookError             a webhook did not take what was sent, now
│   └── WebhookRefusedError  it answered that it never will
├── SmartError               a launch from the record did not lead to a patient
└── ContradictionError       a resource says two things that cannot both be true

A docstring is the error's default message.
"""


class EhrIoError(Exception):
    """Work with the patient record failed."""

    def __init__(self, message: str | None = None) -> None:
        """Keep *message*, or the class's first docstring line when none is given."""
        super().__init__(message or (type(self).__doc__ or "").strip().splitlines()[0])


class NotFhirError(EhrIoError):
    """The body is not a FHIR R4 Bundle of type transaction, batch, collection or message."""


class BodyTooLargeError(EhrIoError):
    """The body, or the number of its entries, is over the limit; send it in smaller Bundles."""


class NotHl7Error(EhrIoError):
    """The bytes are no HL7 v2 message."""


class MllpError(EhrIoError):
    """The MLLP connection is of no use any more."""


class FhirServerError(EhrIoError):
    """The FHIR server did not take it; trying again may help."""


class FhirRefusedError(FhirServerError):
    """The FHIR server will not take it; the same words again will not help."""


class WebhookError(EhrIoError):
    """The webhook did not take it; trying again may help."""


class WebhookRefusedError(WebhookError):
    """The webhook will not take it; the same words again will not help."""


class SmartError(EhrIoError):
    """The record's authorization did not answer as SMART App Launch says."""


class ContradictionError(EhrIoError):
    """A resource says two things that cannot both be true."""
