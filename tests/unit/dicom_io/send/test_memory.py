"""The small double of a destination behaves as its protocol says."""

from pathlib import Path

import pytest

from dicom_io.errors import UnreachableError
from dicom_io.headers import read_header
from dicom_io.send.destination import Destination, Reference
from dicom_io.send.memory import MemoryDestination
from tests.factories.dicom import cr_image, write


def test_it_holds_what_it_was_sent(tmp_path: Path) -> None:
    destination: Destination = MemoryDestination()
    (path,) = write([cr_image()], tmp_path)
    header = read_header(path)
    uid = header.instance.sop_instance_uid
    reference = Reference(
        study_instance_uid=header.study_instance_uid,
        series_instance_uid=header.series_instance_uid,
        sop_instance_uid=uid,
    )
    assert destination.holds([reference]) == set()
    assert [receipt.sop_instance_uid for receipt in destination.send([path])] == [uid]
    assert destination.holds([reference]) == {uid}


def test_it_fails_as_told(tmp_path: Path) -> None:
    destination = MemoryDestination(failure=UnreachableError("away"))
    with pytest.raises(UnreachableError, match="away"):
        destination.send([])
