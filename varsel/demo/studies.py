"""The studies of the demonstration: a real radiograph, phantoms with and without a finding, and what must not pass."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from dicom_io.headers import read_header
from dicom_io.study import Instance
from dicom_io.uids import derive_uid
from training.phantoms.ct import ct_phantom
from training.phantoms.dicom import Origin, ct_series, radiograph, ultrasound, write_datasets
from training.phantoms.xray import XrayPhantom, xray_phantom
from varsel.demo.case import Answer, DemoCase, Expectation, Truth
from varsel.demo.words import Words

#: A CR of a chest, 1955 x 1841, MONOCHROME1, JPEG 2000, in the package ``pydicom-data``.
REAL_RADIOGRAPH = "RG1_J2KI.dcm"
#: Seeds that no training uses.
_XRAY_SEED, _CT_SEED = 900_000_011, 900_000_005
_NODULES = 3
_ANALYSED = frozenset({Answer.FINDING, Answer.NO_FINDING})


@dataclass(frozen=True, kw_only=True)
class StudyMaker:
    """Makes the studies of one run."""

    #: Their files go below this.
    directory: Path
    #: Makes their UIDs this run's own: the same study again would add nothing.
    run: str
    #: Titles in the language of the run.
    words: Words

    def cases(self) -> Iterator[DemoCase]:
        """Every study in the order of sending; the real radiograph only when it is installed."""
        real = real_radiograph()
        if real is not None:
            yield self._real(real)
        yield self._with_opacity()
        yield self._without_opacity()
        yield self._ct()
        yield self._no_model()
        yield self._truncated()
        yield self._not_dicom()

    def _real(self, source: Path) -> DemoCase:
        dataset = dcmread(source)
        for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
            setattr(dataset, keyword, derive_uid(str(dataset[keyword].value), self.run))
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        return self._case("real-xray", [dataset], Expectation(answers=_ANALYSED))

    def _with_opacity(self) -> DemoCase:
        phantom = xray_phantom(_XRAY_SEED, opacity=True)
        dataset = radiograph(phantom, self._origin("xray-opacity", "Thorax"))
        truth = {str(dataset.SOPInstanceUID): _mask(phantom)}
        return self._case("xray-opacity", [dataset], Expectation(answers=frozenset({Answer.FINDING}), truth=truth))

    def _without_opacity(self) -> DemoCase:
        dataset = radiograph(xray_phantom(_XRAY_SEED + 1, opacity=False), self._origin("xray-clear", "Thorax"))
        return self._case("xray-clear", [dataset], Expectation(answers=frozenset({Answer.NO_FINDING})))

    def _ct(self) -> DemoCase:
        phantom = ct_phantom(_CT_SEED, nodules=_NODULES)
        datasets = ct_series(phantom, self._origin("ct-nodules", "CT thorax"))
        truth: Truth = {str(one.SOPInstanceUID): phantom.mask[z] for z, one in enumerate(datasets)}
        return self._case("ct-nodules", datasets, Expectation(answers=frozenset({Answer.FINDING}), truth=truth))

    def _no_model(self) -> DemoCase:
        expected = Expectation(answers=frozenset({Answer.NOT_ANALYSED}), reason_codes=frozenset({"no_rule"}))
        return self._case("ultrasound", [ultrasound(1, self._origin("ultrasound", "UL abdomen"))], expected)

    def _truncated(self) -> DemoCase:
        dataset = radiograph(xray_phantom(_XRAY_SEED + 2, opacity=False), self._origin("truncated", "Thorax"))
        half = len(dataset.PixelData) // 4 * 2
        dataset.PixelData = dataset.PixelData[:half]
        return self._case("truncated", [dataset], Expectation(answers=frozenset({Answer.NOT_ANALYSED})))

    def _not_dicom(self) -> DemoCase:
        """File Meta Information of a radiograph, then noise: a sender that frames rubbish."""
        dataset = radiograph(xray_phantom(_XRAY_SEED + 3, opacity=False), self._origin("not-dicom", "Thorax"))
        case = self._case("not-dicom", [dataset], Expectation(answers=frozenset({Answer.REFUSED})))
        _overwrite_with_noise(case.instances[0])
        return case

    def _origin(self, key: str, description: str) -> Origin:
        return Origin(key=f"{self.run}-{key}", description=description)

    def _case(self, key: str, datasets: list[Dataset], expected: Expectation) -> DemoCase:
        paths = write_datasets(datasets, self.directory / key)
        return DemoCase(
            key=key,
            calling_ae_title=calling_name(key, self.run),
            title=self.words.titles[key],
            case_id=str(datasets[0].StudyInstanceUID),
            instances=tuple(read_header(path).instance for path in paths),
            expected=expected,
        )


def calling_name(key: str, run: str) -> str:
    """A calling AE title of at most 16 characters, another one in each run."""
    return f"{run}-{key}".upper()[:16]


def real_radiograph() -> Path | None:
    """Where the real chest radiograph lies; None when ``pydicom-data`` is not installed. Nothing is downloaded."""
    found = find_spec("data_store")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "data" / REAL_RADIOGRAPH
    return path if path.is_file() else None


def own_cases(source: Path, run: str, words: Words) -> tuple[DemoCase, ...]:
    """The DICOM files at or below *source*, a case a study, with nothing expected of them."""
    from dicom_io.errors import DicomIoError

    studies: dict[str, list[Instance]] = {}
    for path in sorted(one for one in ([source] if source.is_file() else source.rglob("*")) if one.is_file()):
        try:
            header = read_header(path)
        except DicomIoError:
            # Told by `varsel send`; here only what can be sent counts.
            continue
        studies.setdefault(header.study_instance_uid, []).append(header.instance)
    return tuple(
        DemoCase(
            key=f"own-{number}",
            calling_ae_title=calling_name(f"own-{number}", run),
            title=words.own_study.format(number=number, files=len(instances)),
            case_id=study_uid,
            instances=tuple(instances),
            expected=Expectation(),
        )
        for number, (study_uid, instances) in enumerate(studies.items(), start=1)
    )


def _mask(phantom: XrayPhantom) -> "np.ndarray[tuple[int, ...], np.dtype[np.bool_]]":
    mask = np.zeros(phantom.pixels.shape, dtype=np.bool_)
    box = phantom.opacity
    if box is not None:
        mask[int(box.top) : int(box.bottom), int(box.left) : int(box.right)] = True
    return mask


def _overwrite_with_noise(instance: Instance) -> None:
    content = bytearray(instance.path.read_bytes())
    start = 132 + 12 + int.from_bytes(content[140:144], "little")
    content[start:] = np.random.default_rng(0).bytes(4096)
    instance.path.write_bytes(content)
