"""A patient's name in a result is the source's, in UTF-8, whatever set the source has or wrongly declares."""

from pathlib import Path

import pytest

from dicom_io.headers import read_header
from dicom_io.results.source import SourceSeries, identity_of, read_source_header
from tests.factories.dicom import cr_image, write

ESC = b"\x1b"


@pytest.mark.parametrize(
    ("declared", "encoded", "name"),
    [
        ("ISO_IR 192", "Søren^Åse".encode(), "Søren^Åse"),
        ("ISO_IR 100", "Søren^Åse".encode("latin-1"), "Søren^Åse"),
        ("GB18030", "Wang^XiaoDong=王^小东".encode("gb18030"), "Wang^XiaoDong=王^小东"),
        (r"\ISO 2022 IR 87", b"Yamada=" + ESC + b"$B;3ED" + ESC + b"(B^x", "Yamada=山田^x"),
        (
            r"ISO 2022 IR 100\ISO 2022 IR 144",
            ESC + b"-L" + "Люк".encode("iso8859-5") + "^Jér".encode("latin-1"),
            "Люк^Jér",
        ),
        ("", "Søren^Åse".encode(), "Søren^Åse"),
        ("", "Søren^Åse".encode("latin-1"), "Søren^Åse"),
        ("ISO_IR 192", "Søren^Åse".encode("latin-1"), "Søren^Åse"),
    ],
)
def test_the_name_in_a_result_is_the_one_that_the_pages_show(
    tmp_path: Path, declared: str, encoded: bytes, name: str
) -> None:
    dataset = cr_image()
    dataset.SpecificCharacterSet = "ISO_IR 100"
    padded = encoded + b" " * (len(encoded) % 2)
    dataset.PatientName = "x" * len(padded)
    (path,) = write([dataset], tmp_path)
    terms = (declared + " " * (len(declared) % 2)).encode()
    data = path.read_bytes().replace(b"x" * len(padded), padded)
    path.write_bytes(data.replace(b"CS\x0a\x00ISO_IR 100", b"CS" + len(terms).to_bytes(2, "little") + terms))

    header = read_source_header(path)
    assert SourceSeries(header=header, images=()).text("PatientName") == name
    (element,) = [one for one in identity_of(header) if one[:4] == b"\x10\x00\x10\x00"]

    assert element[8:].rstrip().decode() == name == read_header(path).patient_name
