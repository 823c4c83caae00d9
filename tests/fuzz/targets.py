"""What is fuzzed: bytes go in, and nothing but our own errors may come out, whatever the bytes are."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import dcmread, uid
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from dicom_io.decode.decoders import decode_frame
from dicom_io.decode.pixel_file import open_pixels
from dicom_io.decode.pixel_header import PixelHeader
from dicom_io.errors import DicomIoError
from dicom_io.headers import assemble_study, dump_header, load_header, read_dataset_header, read_header
from dicom_io.native_xml import read_native_xml, write_native_xml
from dicom_io.pixels import read_radiograph
from dicom_io.volumes import read_volume
from tests.factories.dicom import cr_image, ct_series, structured_report, write
from tests.factories.dicom_pixels import LOSSLESS, compressed, enhanced_ct, noisy_ct, stored

#: Small, so that a hostile header cannot make the fuzzer's own memory the finding.
MAXIMUM_PIXELS = 2**18
#: Transfer syntaxes that a bare dataset is read in, by the first byte of the input.
_SYNTAXES = (
    uid.ImplicitVRLittleEndian,
    uid.ExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.JPEG2000Lossless,
)

#: What a fuzzed frame must be.
_STREAM_HEADER = PixelHeader(
    rows=8,
    columns=6,
    samples=1,
    photometric="MONOCHROME2",
    frames=1,
    bits_allocated=16,
    bits_stored=16,
    high_bit=15,
    is_signed=False,
    is_planar=False,
    slope=None,
    intercept=None,
    rescale_type="",
    padding=None,
    has_modality_lut=False,
)
_COMPRESSED = (*LOSSLESS, uid.RLELossless, uid.JPEGBaseline8Bit, uid.JPEGExtended12Bit)

Target = Callable[[bytes, Path], None]


def file_header(data: bytes, _scratch: Path) -> None:
    """A DICOM file is read for routing, and its header survives the database."""
    header = read_header(data)
    assert load_header(dump_header(header)) == header
    assemble_study([header])


def dataset_header(data: bytes, _scratch: Path) -> None:
    """A dataset as it comes over the network; the first byte of the input says in which syntax."""
    read_dataset_header(data[1:], _SYNTAXES[data[0] % len(_SYNTAXES)] if data else "")


def pixels(data: bytes, scratch: Path) -> None:
    """A file is received, read as colour, as a radiograph and as a volume."""
    path = scratch / "fuzzed.dcm"
    path.write_bytes(data)
    header = read_header(path)
    for read in (_read_frames, _read_radiograph, _read_volume):
        try:
            read(path)
        except DicomIoError:
            continue
    assert header.instance.path == path


def _read_frames(path: Path) -> None:
    for frame in open_pixels(path, MAXIMUM_PIXELS).frames():
        assert frame.ndim in (2, 3)


def _read_radiograph(path: Path) -> None:
    radiograph = read_radiograph(read_header(path).instance, MAXIMUM_PIXELS)
    low, high = radiograph.value_range
    assert np.isfinite(radiograph.pixels).all()
    assert low <= high


def _read_volume(path: Path) -> None:
    (series,) = assemble_study([read_header(path)]).series
    volume = read_volume(series, MAXIMUM_PIXELS)
    assert np.isfinite(volume.voxels).all()


def codestream(data: bytes, _scratch: Path) -> None:
    """A compressed frame; the first byte of the input says in which syntax."""
    frame = decode_frame(data[1:], _COMPRESSED[data[0] % len(_COMPRESSED)] if data else "", _STREAM_HEADER)
    assert frame.shape == (_STREAM_HEADER.rows, _STREAM_HEADER.columns)


def native_xml(data: bytes, _scratch: Path) -> None:
    """A dataset in XML; what was read is written as what it was read from."""
    model = read_native_xml(data)
    written = write_native_xml(model)
    assert write_native_xml(read_native_xml(written)) == written


TARGETS: dict[str, Target] = {
    "native-xml": native_xml,
    "codestream": codestream,
    "file-header": file_header,
    "dataset-header": dataset_header,
    "pixels": pixels,
}


def attempt(target: str, data: bytes, scratch: Path) -> None:
    """Run *target* on *data*, which it may refuse by an error of ours."""
    try:
        TARGETS[target](data, scratch)
    except DicomIoError:
        return


def seeds_of(target: str, scratch: Path) -> Iterator[bytes]:
    """Valid inputs of *target*, to be changed."""
    match target:
        case "native-xml":
            return (write_native_xml(one.to_json_dict()) for one in (structured_report(), *ct_series(1, size=(2, 2))))
        case "codestream":
            return streams()
        case "dataset-header":
            return datasets(scratch)
        case _:
            return seeds(scratch)


def datasets(scratch: Path) -> Iterator[bytes]:
    """The datasets of `seeds`, without what a file has before them, in the syntaxes in which one is read."""
    for file in seeds(scratch):
        meta = dcmread(io.BytesIO(file), stop_before_pixels=True).file_meta
        if meta.TransferSyntaxUID in _SYNTAXES:
            # Preamble, prefix and group length come before the group that this length is of (PS3.10 7.1).
            yield bytes([_SYNTAXES.index(meta.TransferSyntaxUID)]) + file[144 + meta.FileMetaInformationGroupLength :]


def streams() -> Iterator[bytes]:
    """A small frame in every compressed syntax."""
    pixels = stored(noisy_ct((8, 6)))
    for number, syntax in enumerate(_COMPRESSED):
        if syntax in LOSSLESS:
            yield bytes([number]) + LOSSLESS[syntax](pixels)
    yield bytes([_COMPRESSED.index(uid.RLELossless)]) + next(
        generate_frames(_run_lengths().PixelData, number_of_frames=1)
    )
    lossy = len(_COMPRESSED) - 1
    yield bytes([lossy]) + imagecodecs.jpeg8_encode(pixels, bitspersample=12, level=90)
    yield bytes([lossy - 1]) + imagecodecs.jpeg8_encode((pixels >> 4).astype(np.uint8), level=90)


def seeds(scratch: Path) -> Iterator[bytes]:
    """Small valid files of every kind, to be changed."""
    tiny = noisy_ct((8, 6))
    packed = [compressed(tiny, syntax, [encode(stored(tiny))]) for syntax, encode in LOSSLESS.items()]
    plain = [_in(syntax) for syntax in _SYNTAXES[:4]]
    datasets = [
        *plain,
        _run_lengths(),
        *packed,
        enhanced_ct(2),
        structured_report(),
        cr_image(np.eye(4, dtype=np.uint16)),
    ]
    yield from (path.read_bytes() for path in write(datasets, scratch))


def _run_lengths() -> Dataset:
    dataset = noisy_ct((8, 6))
    dataset.compress(uid.RLELossless, encoding_plugin="pydicom")
    return dataset


def _in(syntax: str) -> Dataset:
    dataset = ct_series(1, size=(4, 3))[0]
    if syntax == uid.ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").byteswap().tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    return dataset
