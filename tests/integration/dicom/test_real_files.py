"""Sixty-eight real and odd DICOM files, each with the outcome it must have. They are no part of the repository."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from dicom_io.decode.pixel_file import open_pixels
from dicom_io.errors import (
    DicomIoError,
    GeometryError,
    IncompleteObjectError,
    NoPixelsError,
    NotDicomError,
    PixelError,
    UnsupportedPixelsError,
)
from dicom_io.headers import Header, assemble_study, read_header
from dicom_io.hounsfield import check_hounsfield
from dicom_io.pixels import read_radiograph
from dicom_io.stored_pixels import DEFAULT_MAXIMUM_PIXELS, read_stored_frames
from dicom_io.study import Instance, SpacingBasis
from dicom_io.volumes import read_volume
from models.contract import check_image, check_study
from models.manifest import InputLimits

ROOT = Path(__file__).parents[3]
FILES = ROOT.parent / "shared" / "data" / "dicom"

pytestmark = pytest.mark.skipif(not FILES.is_dir(), reason="the real DICOM files are not beside the repository")

CHEST = InputLimits(modalities=("CR", "DX"), body_parts=("CHEST", "THORAX"), minimum_size_px=200)
CT = InputLimits(modalities=("CT",))


@dataclass(frozen=True, kw_only=True)
class Grey:
    """Grey frames that decode, with the lowest and highest value after rescale (of the first frame)."""

    low: float
    high: float
    frames: int = 1
    tolerance: float = field(default=0.01)


@dataclass(frozen=True, kw_only=True)
class Colour:
    """Colour that decodes and is no image for a model."""

    shape: tuple[int, int, int]


CT1 = Grey(low=-3024, high=1378)
READABLE: dict[str, Grey | Colour] = {
    "charset_gb18030": Grey(low=0, high=255),
    "charset_japanese_h31": Grey(low=0, high=255),
    "charset_russian": Grey(low=0, high=255),
    "charset_utf8": Grey(low=0, high=255),
    "cr_chest_mono1_j2k": Grey(low=803, high=26512),
    "ct1_deflated": CT1,
    "ct1_evrbe": CT1,
    "ct1_ivrle": CT1,
    "ct1_j2k_lossless": CT1,
    "ct1_j2k_lossy": Grey(low=-3024, high=1378, tolerance=5),
    "ct1_jpeg_baseline8": Grey(low=-3501, high=1446, tolerance=1),
    "ct1_jpeg_ext12": Grey(low=-3052, high=1370, tolerance=4),
    "ct1_jpeg_p14": CT1,
    "ct1_jpeg_p14sv1": CT1,
    "ct1_jpegls_lossless": CT1,
    "ct1_jpegls_near": Grey(low=-3024, high=1378, tolerance=1),
    "ct1_rle": CT1,
    "ct_covid_A002304_axial_0": Grey(low=-3024, high=1112),
    "ct_covid_A002304_axial_1": Grey(low=-3024, high=3071),
    "ct_covid_A046441_axial_0": Grey(low=-3024, high=1475),
    "ct_enhanced_2frame": Grey(low=0, high=1196, frames=2),
    "ct_fragmented_nobot": Grey(low=1010, high=2223, frames=2, tolerance=2),
    "ct_j2k_pixelrep_mismatch": Grey(low=-2000, high=1896),
    "ct_jpegll_bad": Grey(low=-33792, high=31743),
    "ct_small": Grey(low=-896, high=1167),
    "ct_toshiba_pixrep": Grey(low=-2048, high=1717),
    "ct_vr_un": Grey(low=-1024, high=1186),
    "dx_chest_nih": Grey(low=0, high=252),
    "dx_thorax_small": Grey(low=5, high=255),
    "mr_enhanced_10frame": Grey(low=0, high=425, frames=10),
    "mr_small_ivrle": Grey(low=127, high=2145),
    "mr_small_jpegls": Grey(low=127, high=2145),
    "mr_small_padded": Grey(low=127, high=2145),
    "mr_small_rle": Grey(low=127, high=2145),
    "ot_deflated": Grey(low=0, high=255),
    "rtdose_rle": Grey(low=795000, high=1254000, frames=15),
    "sc_3x3_jpeg": Colour(shape=(3, 3, 3)),
    "sc_rgb16_rle": Colour(shape=(100, 100, 3)),
    "sc_ybr422_raw": Colour(shape=(100, 100, 3)),
    "sc_ybr_full_jpeg": Colour(shape=(100, 100, 3)),
}
REFUSED: dict[str, tuple[type[DicomIoError], str]] = {
    "charset_korean_multi": (NoPixelsError, "no pixel data"),
    "ct1_jpeg_p10_12": (UnsupportedPixelsError, "no decoder here"),
    "ct1_jpeg_p6_8": (UnsupportedPixelsError, "no decoder here"),
    "ct_bad_sequence": (IncompleteObjectError, "no UID"),
    "ct_ivrle_bigendian_undef": (NotDicomError, "contradict themselves"),
    "deflated_with_sq": (NoPixelsError, "no pixel data"),
    "ecg_waveform": (NoPixelsError, "no pixel data"),
    "htj2k_lossless_rgb": (IncompleteObjectError, "Study Instance UID"),
    "htj2k_lossy_rgb": (IncompleteObjectError, "Study Instance UID"),
    "mr_2kb_empty_pixels": (NoPixelsError, "no pixel data"),
    "mr_truncated": (PixelError, "truncated or damaged"),
    "nm_j2k_embedded_delim": (PixelError, "as in the header"),
    "nm_jpeg12_precision": (PixelError, "cut off"),
    "no_meta_group_length": (NotDicomError, "neither SOP Instance UID"),
    "ot_palette_nometa": (NotDicomError, "DICM"),
    "pmap_float32": (UnsupportedPixelsError, "not a map"),
    "rtdose_bad_vr": (PixelError, "Number of Frames"),
    "rtplan_evrbe_nometa": (NotDicomError, "DICM"),
    "rtplan_evrle_nometa": (NotDicomError, "DICM"),
    "rtplan_truncated": (NotDicomError, "break off"),
    "rtstruct_nometa": (NotDicomError, "DICM"),
    "seg_ct_binary": (UnsupportedPixelsError, "not a map or a mask"),
    "seg_liver_1frame": (UnsupportedPixelsError, "not a map or a mask"),
    "sr_no_pixel": (NoPixelsError, "no pixel data"),
    "sr_reportsi": (NoPixelsError, "no pixel data"),
    "sr_test": (NoPixelsError, "no pixel data"),
    "sr_tid1500_groups": (NoPixelsError, "no pixel data"),
    "us_no_spacing_rle_palette": (UnsupportedPixelsError, "PALETTE COLOR"),
}


def _path(name: str) -> Path:
    return FILES / f"{name}.dcm"


def _header(name: str) -> Header:
    return read_header(_path(name))


def _first_frame(name: str) -> np.ndarray:
    stored = next(read_stored_frames(_header(name).instance))
    target = np.empty(stored.values.shape, np.float32)
    stored.rescale_into(target)
    return target


def test_every_file_has_its_outcome_here():
    assert {path.stem for path in FILES.glob("*.dcm")} == READABLE.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", [name for name, found in READABLE.items() if isinstance(found, Grey)])
def test_a_grey_image_decodes_to_its_known_values(name: str):
    expected = READABLE[name]
    assert isinstance(expected, Grey)
    frames = list(read_stored_frames(_header(name).instance))
    assert len(frames) == expected.frames
    assert _first_frame(name).min() == pytest.approx(expected.low, abs=expected.tolerance)
    assert _first_frame(name).max() == pytest.approx(expected.high, abs=expected.tolerance)


@pytest.mark.parametrize("name", [name for name, found in READABLE.items() if isinstance(found, Colour)])
def test_colour_decodes_and_is_refused_for_models(name: str):
    expected = READABLE[name]
    (frame,) = open_pixels(_path(name), DEFAULT_MAXIMUM_PIXELS).frames()
    assert frame.shape == expected.shape
    with pytest.raises(UnsupportedPixelsError, match="Photometric Interpretation"):
        read_radiograph(_header(name).instance)


@pytest.mark.parametrize("name", ["htj2k_lossless_rgb", "htj2k_lossy_rgb"])
def test_htj2k_colour_decodes(name: str):
    (frame,) = open_pixels(_path(name), DEFAULT_MAXIMUM_PIXELS).frames()
    assert frame.shape == (480, 640, 3)
    assert (frame.min(), frame.max()) == (0, 255)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_used_is_refused_in_words(name: str):
    kind, words = REFUSED[name]
    with pytest.raises(kind, match=words):
        list(read_stored_frames(_header(name).instance))


@pytest.mark.parametrize(
    "name",
    [name for name, found in READABLE.items() if name.startswith("ct1_") and found is CT1 and name != "ct1_ivrle"],
)
def test_lossless_encodings_of_one_slice_give_equal_pixels(name: str):
    (found,) = read_stored_frames(_header(name).instance)
    (expected,) = read_stored_frames(_header("ct1_ivrle").instance)
    assert np.array_equal(found.values, expected.values)


@pytest.mark.parametrize(("name", "most"), [("ct1_jpegls_near", 1), ("ct1_j2k_lossy", 5), ("ct1_jpeg_ext12", 60)])
def test_lossy_encodings_stay_close(name: str, most: float):
    assert np.abs(_first_frame(name) - _first_frame("ct1_ivrle")).max() <= most


@pytest.mark.parametrize("name", ["mr_small_jpegls", "mr_small_padded", "mr_small_rle"])
def test_one_mr_slice_in_several_encodings_is_one(name: str):
    assert np.array_equal(_first_frame(name), _first_frame("mr_small_ivrle"))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("charset_gb18030", "Wang^XiaoDong=王^小东"),
        ("charset_japanese_h31", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("charset_korean_multi", "김희중"),
        ("charset_russian", "Люкceмбypг"),
        ("charset_utf8", "Wang^XiaoDong=王^小東"),
    ],
)
def test_names_decode_in_their_character_set(name: str, expected: str):
    assert _header(name).patient_name.rstrip("=") == expected


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("ct_jpegll_bad", "mis-states sign or depth"),
        ("ct1_jpeg_baseline8", "steps of 32.1 HU"),
        ("ct_fragmented_nobot", "no Rescale Slope and Intercept"),
    ],
)
def test_what_is_no_hounsfield_unit_is_caught(name: str, words: str):
    stored = next(read_stored_frames(_header(name).instance))
    with pytest.raises(PixelError, match=words):
        check_hounsfield(_first_frame(name), stored, "1")


def test_a_signed_stream_under_an_unsigned_header_is_put_right():
    (stored,) = read_stored_frames(_header("ct_toshiba_pixrep").instance)
    check_hounsfield(_first_frame("ct_toshiba_pixrep"), stored, "1")
    assert stored.values.dtype.kind == "i"


@pytest.mark.parametrize("name", ["cr_chest_mono1_j2k", "dx_thorax_small"])
def test_a_monochrome1_radiograph_is_inverted(name: str):
    radiograph = read_radiograph(_header(name).instance)
    assert np.allclose(radiograph.pixels, sum(radiograph.value_range) - _first_frame(name))


@pytest.mark.parametrize("name", ["cr_chest_mono1_j2k", "dx_chest_nih"])
def test_a_chest_radiograph_is_taken(name: str):
    header = _header(name)
    assert check_study(assemble_study([header]), CHEST) == ()
    assert check_image(header.instance, CHEST) == ()
    assert read_radiograph(header.instance).pixels.ndim == 2


def test_a_small_radiograph_is_said_to_be_too_small():
    (violation,) = check_image(_header("dx_thorax_small").instance, CHEST)
    assert "169 x 211" in violation.text


@pytest.mark.parametrize(
    "name",
    [
        *("mr_enhanced_10frame", "mr_small_ivrle", "nm_j2k_embedded_delim", "ot_deflated", "pmap_float32"),
        *("rtdose_rle", "seg_ct_binary", "seg_liver_1frame", "sr_tid1500_groups", "us_no_spacing_rle_palette"),
        *("ecg_waveform", "sc_3x3_jpeg", "sc_rgb16_rle", "charset_utf8"),
    ],
)
def test_another_modality_is_nothing_for_our_models(name: str):
    study = assemble_study([_header(name)])
    for limits in (CHEST, CT):
        assert [violation.code.value for violation in check_study(study, limits)] == ["no_suitable_image"]


@pytest.mark.parametrize(
    "name",
    [
        *("ct1_ivrle", "ct_covid_A002304_axial_0", "ct_covid_A002304_axial_1", "ct_covid_A046441_axial_0"),
        *("ct_small", "ct_enhanced_2frame", "ct_fragmented_nobot"),
    ],
)
def test_one_slice_or_a_map_is_no_volume(name: str):
    (series,) = assemble_study([_header(name)]).series
    with pytest.raises(GeometryError, match="required: at least 2"):
        read_volume(series)


@pytest.mark.parametrize(
    ("name", "basis"),
    [
        ("ct1_ivrle", SpacingBasis.PATIENT),
        ("dx_chest_nih", SpacingBasis.UNKNOWN),
        ("us_no_spacing_rle_palette", SpacingBasis.UNKNOWN),
    ],
)
def test_the_spacing_says_where_it_holds(name: str, basis: SpacingBasis):
    instance: Instance = _header(name).instance
    assert instance.spacing_basis is basis
    assert (instance.pixel_spacing_mm is None) == (basis is SpacingBasis.UNKNOWN)
