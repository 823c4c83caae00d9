"""Which objects a document is about, told as the standard nests them (SOP Instance Reference Macro, PS3.3 C.18.3)."""

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from dicom_io.results.encoding import reference, sequence, uid


def referenced_study(study_instance_uid: str, named: Iterable[tuple[str, str, str]]) -> bytes:
    """One study's item; *named* are series, SOP class and SOP instance UIDs."""
    listed = []
    for series_uid, members in groupby(sorted(named), key=itemgetter(0)):
        references = (reference(sop_class, instance) for _, sop_class, instance in members)
        listed.append(sequence(0x00081199, *references) + uid(0x0020000E, series_uid))
    return sequence(0x00081115, *listed) + uid(0x0020000D, study_instance_uid)
