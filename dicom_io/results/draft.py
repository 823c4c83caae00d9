"""One result object, whole and encoded, before it is checked and written."""

from collections.abc import Iterable
from dataclasses import dataclass

from pydicom.uid import ExplicitVRLittleEndian

from dicom_io.file_format import file_head
from dicom_io.results.encoding import ordered
from dicom_io.results.kinds import ResultKind
from dicom_io.results.provenance import Heading, Provenance, general_elements


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A result object as it shall leave."""

    #: What it is.
    kind: ResultKind
    #: Its identity and series.
    heading: Heading
    #: Its encoded elements in the order of their tags.
    elements: tuple[bytes, ...]
    #: Transfer Syntax UID (0002,0010).
    transfer_syntax_uid: str = ExplicitVRLittleEndian
    #: Which findings of its report it tells: those of one `measurement_groups.Place`; empty where it tells all.
    part: str = ""

    @property
    def parts(self) -> tuple[bytes, ...]:
        """Its DICOM file (PS3.10) in pieces, so that pixels are not copied to be written."""
        head = self.heading
        return (file_head(head.sop_class_uid, head.sop_instance_uid, self.transfer_syntax_uid), *self.elements)


def draft(kind: ResultKind, heading: Heading, provenance: Provenance, elements: Iterable[bytes]) -> Draft:
    """The object of *elements* beside what every object has."""
    whole = ordered((*general_elements(heading, provenance), *elements))
    return Draft(kind=kind, heading=heading, elements=whole)
