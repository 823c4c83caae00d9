"""A marked patient is found nowhere in what is written; what models need stays; what cannot be cleaned is withheld."""

import io
import string
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.datadict import DicomDictionary, keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from dicom_io.deidentify.burned_in import find_burned_in_risk
from dicom_io.deidentify.dataset import Deidentifier
from dicom_io.deidentify.errors import KeyFileError, WithheldError
from dicom_io.deidentify.files import FileOutcome, FileResult, deidentify_files
from dicom_io.deidentify.profile import Action, Purpose, profile_of
from dicom_io.deidentify.pseudonyms import Pseudonyms, read_key
from tests.factories.dicom import cr_image, ct_series, structured_report, write

KEY = bytes(range(32))
PSEUDONYMS = Pseudonyms(KEY)
#: Free text and codes of the whole dictionary, in which anyone may have written anything.
WRITABLE = sorted(
    tag
    for tag, (vr, *_) in DicomDictionary.items()
    if vr in {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"} and tag >> 16 not in {0x0002, 0x0004, 0x0000}
    if keyword_for_tag(tag) not in {"SpecificCharacterSet", "PhotometricInterpretation"}
)


def deidentifier(purpose: Purpose = Purpose.TRAINING, key: bytes = KEY) -> Deidentifier:
    return Deidentifier(profile_of(purpose), Pseudonyms(key))


def run(
    tmp_path: Path, *datasets: Dataset, purpose: Purpose = Purpose.TRAINING, accept: bool = False
) -> list[FileResult]:
    write(datasets, tmp_path / "in")
    return list(deidentify_files(tmp_path / "in", tmp_path / "out", deidentifier(purpose), accept_burned_in=accept))


def written(tmp_path: Path) -> list[Dataset]:
    return [dcmread(path) for path in sorted((tmp_path / "out").rglob("*.dcm"))]


#: What is planted need not fit its attribute.
odd_values = pytest.mark.filterwarnings("ignore:(Invalid|The) value:UserWarning")
words = st.text(alphabet=string.ascii_letters + "æøåÆØÅ", min_size=6, max_size=14)


@pytest.fixture(scope="module")
def of_nobody(tmp_path_factory: pytest.TempPathFactory) -> dict[Purpose, bytes]:
    """What is written of a patient without a name: words of ours, and of the device, that tell of nobody."""
    found = {}
    for purpose in Purpose:
        directory = tmp_path_factory.mktemp("nobody")
        image = cr_image(patient_id="")
        image.PatientName = image.AccessionNumber = ""
        run(directory, image, purpose=purpose, accept=True)
        found[purpose] = next((directory / "out").rglob("*.dcm")).read_bytes().lower()
    return found


@odd_values
@settings(max_examples=40, deadline=None)
@given(
    name=words,
    number=st.text(alphabet=string.digits, min_size=8, max_size=12),
    nested=st.tuples(
        st.lists(st.sampled_from(WRITABLE), max_size=12, unique=True), st.integers(min_value=0, max_value=3)
    ),
    purpose=st.sampled_from(Purpose),
)
def test_a_marked_patient_is_found_nowhere_in_the_bytes(
    tmp_path_factory: pytest.TempPathFactory,
    of_nobody: dict[Purpose, bytes],
    name: str,
    number: str,
    nested: tuple[list[int], int],
    purpose: Purpose,
):
    assume(name.lower().encode() not in of_nobody[purpose])
    tmp_path, (places, depth) = tmp_path_factory.mktemp("marked"), nested
    dataset = cr_image()
    dataset.PatientName, dataset.PatientID, dataset.AccessionNumber = f"{name}^Test", number, number
    dataset.private_block(0x0011, name[:8], create=True).add_new(1, "LO", name)
    holder = dataset
    for _ in range(depth):
        item = Dataset()
        holder.DerivationCodeSequence = [item]
        holder = item
    for place in places:
        vr = DicomDictionary[place][0]
        holder.add_new(
            place, vr, f"x {name.upper() if vr == 'CS' else name} {number}"[: 16 if vr in {"CS", "SH", "AE"} else 60]
        )
    dataset.preamble = (name.encode() * 30)[:128]
    results = run(tmp_path, dataset, purpose=purpose, accept=True)

    assert [result.outcome for result in results] == [FileOutcome.WRITTEN]
    data = next((tmp_path / "out").rglob("*.dcm")).read_bytes().lower()
    for marked in (name, number):
        for charset in ("utf-8", "latin-1", "utf-16-le"):
            assert marked.lower().encode(charset) not in data


def test_a_patient_who_is_called_as_we_are_is_withheld(tmp_path: Path):
    """Our own name stands in each file, and nobody could tell the two apart."""
    image = cr_image()
    image.PatientName = "Varsel^Test"
    (result,) = run(tmp_path, image)
    assert result.outcome is FileOutcome.WITHHELD


def test_what_is_written_says_what_was_done_to_it(tmp_path: Path):
    run(tmp_path, cr_image())
    (image,) = written(tmp_path)
    assert image.PatientIdentityRemoved == "YES"
    assert [item.CodeValue for item in image.DeidentificationMethodCodeSequence] == [
        "113100",
        "113105",
        "113107",
        "113108",
        "113109",
    ]
    assert image.LongitudinalTemporalInformationModified == "MODIFIED"
    assert "2026c" in image.DeidentificationMethod


def test_pixels_and_geometry_stay_as_they_are(tmp_path: Path):
    series = ct_series(3)
    run(tmp_path, *series)
    by_number = {int(image.InstanceNumber): image for image in written(tmp_path)}
    for original in series:
        image = by_number[int(original.InstanceNumber)]
        assert (image.pixel_array == original.pixel_array).all()
        assert image.ImagePositionPatient == original.ImagePositionPatient
        assert image.PixelSpacing == original.PixelSpacing
        assert image.RescaleIntercept == original.RescaleIntercept


def test_references_between_objects_hold_and_no_uid_is_the_old_one(tmp_path: Path):
    first, second = ct_series(2)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = first.SOPClassUID, first.SOPInstanceUID
    second.ReferencedImageSequence = [reference]
    run(tmp_path, first, second)
    images = {int(image.InstanceNumber): image for image in written(tmp_path)}
    assert images[2].ReferencedImageSequence[0].ReferencedSOPInstanceUID == images[1].SOPInstanceUID
    assert images[1].StudyInstanceUID == images[2].StudyInstanceUID != first.StudyInstanceUID
    assert images[1].FrameOfReferenceUID == images[2].FrameOfReferenceUID != first.FrameOfReferenceUID
    assert images[1].file_meta.MediaStorageSOPInstanceUID == images[1].SOPInstanceUID
    assert images[1].SOPClassUID == first.SOPClassUID


def test_distances_in_time_stay_and_no_date_is_the_old_one(tmp_path: Path):
    first, second = ct_series(1, study="a")[0], ct_series(1, study="b")[0]
    first.StudyDate, second.StudyDate = "20260102", "20260212"
    first.AcquisitionDateTime = "20260102101500.000000+0100"
    run(tmp_path, first, second)
    images = written(tmp_path)
    days = sorted(
        np.datetime64(f"{image.StudyDate[:4]}-{image.StudyDate[4:6]}-{image.StudyDate[6:]}") for image in images
    )
    assert days[1] - days[0] == np.timedelta64(41, "D")
    assert not {"20260102", "20260212"} & {image.StudyDate for image in images}
    (moment,) = [image.AcquisitionDateTime for image in images if "AcquisitionDateTime" in image]
    assert moment.endswith("101500.000000+0100")
    assert not moment.startswith("2026")
    assert {image.PatientBirthDate for image in images} == {""}


@odd_values
def test_a_date_that_is_none_does_not_stay(tmp_path: Path):
    image = cr_image()
    image.SeriesDate = "20261"
    run(tmp_path, image)
    assert written(tmp_path)[0].SeriesDate == ""


def test_training_keeps_age_sex_and_device_and_sharing_does_not(tmp_path: Path):
    image = cr_image()
    image.PatientAge, image.DeviceSerialNumber, image.StationName = "065Y", "SN-77", "ROOM2"
    run(tmp_path / "t", image)
    run(tmp_path / "s", image, purpose=Purpose.SHARING)
    training, sharing = written(tmp_path / "t")[0], written(tmp_path / "s")[0]
    assert (training.PatientAge, training.PatientSex, training.DeviceSerialNumber) == ("065Y", "F", "SN-77")
    assert "PatientAge" not in sharing
    assert sharing.PatientSex == ""
    assert sharing.get("DeviceSerialNumber", "") != "SN-77"
    assert sharing.StudyDate == ""


def test_very_old_patients_are_ninety(tmp_path: Path):
    image = cr_image()
    image.PatientAge = "104Y"
    run(tmp_path, image)
    assert written(tmp_path)[0].PatientAge == "090Y"


@pytest.mark.parametrize(
    ("text", "stays"),
    [
        ("CT Thorax med kontrast", True),
        ("Thorax Hr. Jensen", False),
        ("Thorax 0101701234", False),
        ("CHEST PA/LAT 2", True),
    ],
)
def test_descriptors_stay_when_every_word_names_nobody(tmp_path: Path, text: str, *, stays: bool):
    image = cr_image()
    image.StudyDescription = text
    run(tmp_path, image)
    assert ("StudyDescription" in written(tmp_path)[0]) is stays


def test_private_groups_curves_and_overlays_go(tmp_path: Path):
    image = cr_image()
    image.private_block(0x0029, "MADE UP", create=True).add_new(1, "LO", "anything")
    image.add_new(0x60003000, "OW", b"\0\0")
    image.add_new(0x60000022, "LO", "drawn by")
    run(tmp_path, image)
    groups = {element.tag.group for element in written(tmp_path)[0]}
    assert not [group for group in groups if group % 2 or group >> 8 in (0x50, 0x60)]


def test_the_same_key_gives_the_same_names_and_another_gives_others():
    again, other = Pseudonyms(KEY), Pseudonyms(KEY[::-1])
    uid = generate_uid()
    assert PSEUDONYMS.uid(uid) == again.uid(uid) != other.uid(uid)
    assert PSEUDONYMS.patient("1") == again.patient("1") != PSEUDONYMS.patient("2")
    assert PSEUDONYMS.patient("1") != other.patient("1")


def test_two_patients_with_the_same_name_stay_apart(tmp_path: Path):
    run(tmp_path, cr_image(study="a", patient_id="1111"), cr_image(study="b", patient_id="2222"))
    assert len({image.PatientID for image in written(tmp_path)}) == 2


def test_a_key_that_is_short_or_away_is_refused(tmp_path: Path):
    with pytest.raises(KeyFileError, match="at least 32"):
        Pseudonyms(b"secret")
    with pytest.raises(KeyFileError, match="cannot be read"):
        read_key(tmp_path / "none")


def test_reports_are_withheld(tmp_path: Path):
    (result,) = run(tmp_path, structured_report())
    assert result.outcome is FileOutcome.WITHHELD
    assert "E.3.4" in result.note
    assert written(tmp_path) == []


@pytest.mark.parametrize(
    ("changes", "is_at_risk"),
    [
        ({}, False),
        ({"BurnedInAnnotation": "YES"}, True),
        ({"Modality": "US"}, True),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.7"}, True),
        ({"ImageType": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, True),
    ],
)
def test_pictures_that_may_bear_text_are_known(changes: dict[str, object], *, is_at_risk: bool):
    image = cr_image()
    for keyword, value in changes.items():
        setattr(image, keyword, value)
    assert bool(find_burned_in_risk(image)) is is_at_risk


@pytest.mark.parametrize(("has_data", "is_at_risk"), [(False, True), (True, False)])
def test_an_overlay_in_the_bits_beside_the_stored_ones_is_a_picture_too(*, has_data: bool, is_at_risk: bool):
    """Its attributes go, its bits would stay; one with data of its own goes whole."""
    image = cr_image()
    image.BurnedInAnnotation = "NO"
    image.add_new(0x60020102, "US", 0 if has_data else 12)
    if has_data:
        image.add_new(0x60023000, "OW", bytes(60))
    assert bool(find_burned_in_risk(image)) is is_at_risk


def test_pictures_that_may_bear_text_are_withheld_until_a_person_has_looked(tmp_path: Path):
    image = cr_image()
    image.BurnedInAnnotation = "YES"
    (result,) = run(tmp_path, image)
    assert result.outcome is FileOutcome.WITHHELD
    assert "(0028,0301)" in result.note
    (result,) = run(tmp_path, image, accept=True)
    assert result.outcome is FileOutcome.WRITTEN


def test_a_name_in_the_pixels_bytes_is_withheld(tmp_path: Path):
    image = cr_image()
    image.PatientName = "Testesen^Anna"
    text = b"Testesen"
    image.PixelData = text + image.PixelData[len(text) :]
    (result,) = run(tmp_path, image)
    assert result.outcome is FileOutcome.WITHHELD
    assert written(tmp_path) == []


def test_a_short_patient_id_does_not_take_measured_numbers_away(tmp_path: Path):
    image = ct_series(1)[0]
    image.PatientID, image.PatientName = "1000", "Bo"
    image.ImagePositionPatient = [-1000.0, -50.0, 1000.5]
    (result,) = run(tmp_path, image)
    assert result.outcome is FileOutcome.WRITTEN
    assert written(tmp_path)[0].ImagePositionPatient == [-1000.0, -50.0, 1000.5]


def test_a_patient_named_like_a_defined_term_leaves_the_image_whole(tmp_path: Path):
    image = ct_series(1)[0]
    image.PatientName = "Original^Thorax"
    run(tmp_path, image)
    assert written(tmp_path)[0].ImageType == image.ImageType


def test_one_object_in_two_files_is_written_once_and_told(tmp_path: Path):
    results = run(tmp_path, cr_image(), cr_image())
    assert [result.outcome for result in results] == [FileOutcome.WRITTEN, FileOutcome.SKIPPED]
    assert "same SOP Instance UID" in results[1].note


def test_slices_of_a_head_are_written_with_a_warning(tmp_path: Path):
    image = ct_series(1)[0]
    image.BodyPartExamined = "HEAD"
    (result,) = run(tmp_path, image)
    assert result.outcome is FileOutcome.WRITTEN
    assert "face" in result.note


def test_what_is_no_dicom_is_skipped_and_the_rest_goes_on(tmp_path: Path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("hello")
    results = run(tmp_path, cr_image())
    assert {result.outcome for result in results} == {FileOutcome.SKIPPED, FileOutcome.WRITTEN}


def test_the_originals_are_not_touched(tmp_path: Path):
    paths = write([cr_image()], tmp_path / "in")
    before = paths[0].read_bytes()
    list(deidentify_files(tmp_path / "in", tmp_path / "out", deidentifier()))
    assert paths[0].read_bytes() == before


def test_every_attribute_that_a_list_names_is_known_to_the_dictionary():
    training, sharing = profile_of(Purpose.TRAINING), profile_of(Purpose.SHARING)
    assert len(sharing.actions) > 600
    assert set(sharing.actions.values()) == {
        Action.DUMMY,
        Action.EMPTY,
        Action.REMOVE,
        Action.UID,
        Action.KEEP,
    }
    kept = {tag for tag, action in training.actions.items() if action is not sharing.actions.get(tag)}
    assert kept, "options change something"


def test_a_dataset_without_pixels_is_no_image():
    with pytest.raises(WithheldError):
        deidentifier().apply(structured_report())


def test_a_compressed_image_keeps_its_transfer_syntax(tmp_path: Path):
    image = cr_image()
    image.compress("1.2.840.10008.1.2.5")
    buffer = io.BytesIO()
    image.save_as(buffer, enforce_file_format=True)
    run(tmp_path, image)
    (kept,) = written(tmp_path)
    assert kept.file_meta.TransferSyntaxUID == "1.2.840.10008.1.2.5"
    assert (kept.pixel_array == image.pixel_array).all()
