"""The Native DICOM Model: another writes what we read, and what we write is what we read."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicom_io.errors import NotDicomError
from dicom_io.native_xml import read_native_xml, write_native_xml
from tests.factories.dicom import ct_series, structured_report, write
from tests.integration.peers import find_program


def private_of(dataset: Dataset) -> Dataset:
    block = dataset.private_block(0x0009, "SOMEBODY", create=True)
    block.add_new(0x01, "LO", ["first", "second"])
    return dataset


@pytest.fixture(params=["slice", "report", "private"])
def dataset(request: pytest.FixtureRequest) -> Dataset:
    if request.param == "report":
        return structured_report()
    (image,) = ct_series(1)
    image.PatientName = "Ærø^Åse^^Dr.=山田^太郎=やまだ^たろう"
    image.ImageComments = "first line\r\nsecond & <third>"
    return private_of(image) if request.param == "private" else image


def model_of(dataset: Dataset) -> dict[str, Any]:
    """As JSON says it; bytes are left out, which one writer keeps beside and another within."""
    model: dict[str, Any] = json.loads(dataset.to_json())
    return {tag: told for tag, told in model.items() if "InlineBinary" not in told}


def test_dcmtk_writes_what_we_read(dataset: Dataset, tmp_path: Path):
    (path,) = write([dataset], tmp_path)
    program = find_program("dcm2xml", "apt-get install dcmtk")
    done = subprocess.run([program, "-nat", path], capture_output=True, check=True, timeout=60)

    found = {tag: told for tag, told in read_native_xml(done.stdout).items() if "BulkDataURI" not in told}

    assert found == model_of(dataset)


def test_what_is_written_reads_back(dataset: Dataset):
    model = json.loads(dataset.to_json())
    assert read_native_xml(write_native_xml(model)) == model


def test_a_private_attribute_names_its_creator_in_place_of_its_block():
    model = {
        "00090010": {"vr": "LO", "Value": ["ONE"]},
        "00090011": {"vr": "LO", "Value": ["TWO"]},
        "00091101": {"vr": "LO", "Value": ["of the second"]},
    }
    written = write_native_xml(model)
    assert b'tag="00090001" vr="LO" privateCreator="TWO"' in written
    assert read_native_xml(written) == {
        "00090010": {"vr": "LO", "Value": ["TWO"]},
        "00091001": {"vr": "LO", "Value": ["of the second"]},
    }


def test_letters_that_xml_does_not_know_are_replaced():
    written = write_native_xml({"0040A160": {"vr": "UT", "Value": ["a\x00b\x1bc\ud800d"]}})
    assert read_native_xml(written)["0040A160"]["Value"] == ["a\ufffdb\ufffdc\ufffdd"]


def document(content: str) -> bytes:
    return f"<NativeDicomModel>{content}</NativeDicomModel>".encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "no XML"),
        (b"\xff\xfe", "no XML"),
        (b"<Other/>", "root"),
        (b'<!DOCTYPE a [<!ENTITY b "bbb">]><NativeDicomModel>&b;</NativeDicomModel>', "document type"),
        (document('<DicomAttribute tag="0010" vr="PN"/>'), "eight hexadecimal digits"),
        (document('<DicomAttribute tag="00200013" vr="IS"><Value number="1">one</Value></DicomAttribute>'), "number"),
        (document('<DicomAttribute tag="00080008" vr="CS"><Value number="2">A</Value></DicomAttribute>'), "numbered"),
        (
            document('<DicomAttribute tag="00081140" vr="SQ"><Item number="1">' * 40 + "</Item></DicomAttribute>" * 40),
            "more than 32",
        ),
    ],
)
def test_what_is_no_native_model_is_refused_in_words(body: bytes, words: str):
    with pytest.raises(NotDicomError, match=words):
        read_native_xml(body)
