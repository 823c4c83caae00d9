"""One object that is arriving piece by piece: to disk as it comes, judged when it is whole."""

import contextlib
from dataclasses import dataclass
from pathlib import Path

from dicom_io.errors import DicomIoError, SpoolError
from dicom_io.file_format import file_head
from dicom_io.headers import Header, read_dataset_header, read_header
from dicom_io.receive.spool import Draft, Spool
from dicom_io.uids import is_valid_uid

#: Most headers end before; one that does not is read from the file when the object is whole.
_HEADER_BYTES = 16_384


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """What is known of an object before its first byte."""

    #: Transfer Syntax UID that its dataset is encoded in.
    transfer_syntax_uid: str
    #: Which door it came to, e.g. ``dimse``.
    door: str
    #: Calling AE title, or the name of another door's client; empty when unknown.
    source_ae: str
    #: Affected SOP Class UID of the command (0000,0002).
    sop_class_uid: str
    #: Affected SOP Instance UID of the command (0000,1000).
    sop_instance_uid: str


class Incoming:
    """Takes the pieces of one dataset; what goes wrong is kept until the end, so that the rest can be drained."""

    def __init__(self, envelope: Envelope, spool: Spool, maximum_bytes: int, blank: Draft | None = None) -> None:
        """Write a DICOM file with *envelope* to *spool*, at most *maximum_bytes* of it; *blank* is used if given."""
        self.envelope = envelope
        #: Bytes of the dataset that came.
        self.size_bytes = 0
        #: Why the object cannot be kept now; None while it can.
        self.failure: SpoolError | None = None
        self._maximum_bytes = maximum_bytes
        self._beginning = b""
        self._header: Header | None = None
        self._draft: Draft | None = None
        try:
            self._draft = spool.begin(blank)
            self._draft.write(_head(envelope))
        except SpoolError as error:
            self._fail(error)

    @property
    def is_too_large(self) -> bool:
        """Whether more came than is taken."""
        return self.size_bytes > self._maximum_bytes

    def write(self, piece: memoryview) -> None:
        """Take the next *piece* of the dataset."""
        size = self.size_bytes = self.size_bytes + len(piece)
        draft = self._draft
        if draft is None:
            return
        if size > self._maximum_bytes:
            self.drop()
            return
        try:
            draft.write(piece)
        except SpoolError as error:
            self._fail(error)
            return
        if len(self._beginning) < _HEADER_BYTES:
            self._begin(piece)

    def look_ahead(self, beginning: memoryview) -> None:
        """Read the header in the *beginning* of the dataset, before `write` gets it, while the rest is on its way."""
        if not self._beginning and len(beginning) >= _HEADER_BYTES:
            self._begin(beginning)

    def header(self) -> Header:
        """What the whole dataset says of itself.

        Raises:
            NotDicomError: its bytes are no dataset.
            IncompleteObjectError: a UID that identifies it is missing or malformed.
        """
        if self._header is not None:
            return self._header
        if self._draft is None or self.size_bytes <= _HEADER_BYTES:
            return read_dataset_header(self._beginning, self.envelope.transfer_syntax_uid)
        return read_header(Path(self._draft.path))

    def hand_over(self) -> Draft:
        """The file, which is the caller's from now on.

        Raises:
            SpoolError: there is none.
        """
        draft, self._draft = self._draft, None
        if draft is None:
            raise self.failure or SpoolError()
        return draft

    def drop(self) -> None:
        """Remove what was written."""
        draft, self._draft = self._draft, None
        if draft is not None:
            with contextlib.suppress(SpoolError):
                draft.discard()

    def _begin(self, piece: memoryview) -> None:
        self._beginning += bytes(piece[: _HEADER_BYTES - len(self._beginning)])
        if len(self._beginning) < _HEADER_BYTES:
            return
        with contextlib.suppress(DicomIoError):
            header = read_dataset_header(self._beginning, self.envelope.transfer_syntax_uid)
            # Only the pixels that follow a header show that it was not cut off.
            self._header = header if header.instance.has_pixels else None

    def _fail(self, error: SpoolError) -> None:
        self.failure = error
        self.drop()


def _head(envelope: Envelope) -> bytes:
    # A malformed UID is refused when the object is whole; until then its place stays empty.
    class_uid, instance_uid = (
        uid if is_valid_uid(uid) else "" for uid in (envelope.sop_class_uid, envelope.sop_instance_uid)
    )
    return file_head(class_uid, instance_uid, envelope.transfer_syntax_uid)
