"""Headers: what is read of one object, and how instances become a study."""

import zlib
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from dicom_io import headers as headers_module
from dicom_io.elements import HEADER
from dicom_io.errors import IncompleteObjectError, NotDicomError
from dicom_io.headers import assemble_study, dump_header, load_header, read_dataset_header, read_header
from tests.factories.dicom import cr_image, ct_series, structured_report, write


def _write_as(dataset: Dataset, path: Path, syntax: str) -> Path:
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian],
)
def test_every_uncompressed_encoding_gives_the_same_header(tmp_path: Path, syntax: str) -> None:
    header = read_header(_write_as(ct_series(1)[0], tmp_path / "one.dcm", syntax))
    assert header.patient_name == "Sørensen^Åse"
    assert header.instance.transfer_syntax_uid == syntax
    assert (header.instance.rows, header.instance.columns) == (16, 12)
    assert header.instance.image_position == (-100.0, -50.0, 0.0)
    assert header.instance.pixel_spacing_mm == (0.8, 0.7)
    assert header.instance.image_type == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert header.instance.has_pixels


def test_a_header_survives_json(tmp_path: Path) -> None:
    (path,) = write(ct_series(1), tmp_path)
    header = read_header(path)
    assert load_header(dump_header(header)) == header


#: A value of each representation that the test's image has not.
_OTHER_VALUES = {
    "CS": "OTHER",
    "UI": "1.2.3.4",
    "DA": "20010203",
    "TM": "010203",
    "SH": "other",
    "LO": "other",
    "PN": "Other^One",
    "AS": "044Y",
    "IS": 7,
    "DS": 7,
    "US": 7,
}
_SEVERAL = {"ImagePositionPatient": 3, "ImageOrientationPatient": 6, "PixelSpacing": 2, "ImagerPixelSpacing": 2}


@pytest.mark.parametrize("keyword", sorted({*HEADER.keywords.values()} - {"SpecificCharacterSet"}))
def test_an_image_never_says_what_the_one_before_said(tmp_path: Path, keyword: str) -> None:
    """What a series shares is parsed once; each element that differs must make it parsed anew."""
    image = ct_series(1)[0]
    before = write([image], tmp_path / "before")[0].read_bytes()
    value = _OTHER_VALUES[dictionary_VR(keyword)]
    setattr(image, keyword, [value] * _SEVERAL[keyword] if keyword in _SEVERAL else value)
    after = write([image], tmp_path / "after")[0].read_bytes()

    headers_module._read_shared.cache_clear()
    alone = read_header(after)
    headers_module._read_shared.cache_clear()
    read_header(before)

    assert read_header(after) == alone


def test_bytes_and_path_give_the_same_header(tmp_path: Path) -> None:
    (path,) = write([cr_image()], tmp_path)
    assert read_header(path.read_bytes()).at(path) == read_header(path)


def test_a_truncated_image_still_has_a_header(tmp_path: Path) -> None:
    (path,) = write([cr_image()], tmp_path)
    header = read_header(path.read_bytes()[:-400])
    assert header.instance.has_pixels
    assert header.instance.view_position == "PA"


def test_a_report_has_no_pixels(tmp_path: Path) -> None:
    (path,) = write([structured_report()], tmp_path)
    assert not read_header(path).instance.has_pixels


@pytest.mark.parametrize(
    "data", [b"", b"hello", bytes(200), bytes(128) + b"DICM", bytes(128) + b"DICM" + b"\xff" * 300]
)
def test_other_bytes_are_not_dicom(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "odd"
    path.write_bytes(data)
    with pytest.raises((NotDicomError, IncompleteObjectError)):
        read_header(path)
    with pytest.raises((NotDicomError, IncompleteObjectError)):
        read_header(data)


def test_a_uid_that_is_none_is_refused_without_being_quoted(tmp_path: Path) -> None:
    dataset = ct_series(1)[0]
    (path,) = write([dataset], tmp_path)
    bad = "../../../" + "x" * (len(dataset.StudyInstanceUID) - 9)
    data = path.read_bytes().replace(dataset.StudyInstanceUID.encode(), bad.encode())
    with pytest.raises(IncompleteObjectError, match=r"Study Instance UID \(0020,000D\)") as caught:
        read_header(data)
    assert bad not in str(caught.value)


def test_numbers_that_are_none_read_as_absent(tmp_path: Path) -> None:
    dataset = ct_series(1)[0]
    del dataset.ImagePositionPatient
    (path,) = write([dataset], tmp_path)
    data = path.read_bytes().replace(b"0.8\\0.7", b"abc\\0.7")
    header = read_header(data)
    assert header.instance.image_position is None
    assert header.instance.pixel_spacing_mm is None


@pytest.mark.parametrize(
    ("age", "birth", "expected"),
    [
        ("045Y", "19600229", 45.0),
        ("006M", "", 0.5),
        ("", "19600229", 65.84),
        ("000Y", "", None),
        ("", "20300101", None),
    ],
)
def test_the_age_comes_from_its_element_or_from_the_dates(
    tmp_path: Path, age: str, birth: str, expected: float | None
) -> None:
    dataset = cr_image()
    dataset.PatientAge, dataset.PatientBirthDate = age, birth
    (path,) = write([dataset], tmp_path)
    found = read_header(path).patient_age_years
    assert found == (None if expected is None else pytest.approx(expected, abs=0.01))


def test_a_deflate_bomb_is_not_inflated() -> None:
    compressor = zlib.compressobj(wbits=-15)
    bomb = compressor.compress(bytes(64 * 2**20)) + compressor.flush()
    with pytest.raises(NotDicomError):
        read_dataset_header(bomb, DeflatedExplicitVRLittleEndian)


def test_a_study_is_ordered_by_series_and_instance_number(tmp_path: Path) -> None:
    paths = write([*reversed(ct_series(3)), *ct_series(2, series="series-2")], tmp_path)
    study = assemble_study(read_header(path) for path in paths)
    assert [len(series.instances) for series in study.series] in ([3, 2], [2, 3])
    assert all(
        [one.instance_number for one in series.instances] == list(range(1, len(series.instances) + 1))
        for series in study.series
    )
    assert study.description == "Thorax"
    assert len(study.instances) == 5


def test_two_patients_are_no_study(tmp_path: Path) -> None:
    paths = write([ct_series(1)[0], ct_series(2, patient_id="PID-0002")[1]], tmp_path)
    with pytest.raises(IncompleteObjectError, match="Patient ID") as caught:
        assemble_study(read_header(path) for path in paths)
    assert "PID-0002" not in str(caught.value)


def test_no_instances_are_no_study() -> None:
    with pytest.raises(IncompleteObjectError):
        assemble_study([])
