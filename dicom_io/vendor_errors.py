"""What pydicom raises on bytes it cannot parse, in our own words."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.errors import BytesLengthException, InvalidDicomError

from dicom_io.errors import NotDicomError

#: Everything that pydicom's reader was seen to raise on truncated, random and hostile bytes.
PARSE_ERRORS: tuple[type[Exception], ...] = (
    AttributeError,
    BytesLengthException,
    EOFError,
    InvalidDicomError,
    LookupError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def translated_parse_errors() -> Iterator[None]:
    """Turn whatever pydicom raises inside into a `NotDicomError`."""
    try:
        yield
    except PARSE_ERRORS as error:
        # The vendor's text may quote the bytes, hence patient data: only the kind of the fault goes on.
        raise NotDicomError(
            f"The bytes break off or contradict themselves ({type(error).__name__}); "
            "required: a dataset in its stated transfer syntax (PS3.5 7). Send the object again from its source."
        ) from error
