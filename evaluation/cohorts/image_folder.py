"""A folder of images with a table ``labels.csv``, or a MedMNIST file: what public sets of radiographs come as."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from dicom_io.volume import Radiograph
from evaluation.cohorts.cohort import Cohort
from evaluation.cohorts.image_file import read_image_file
from evaluation.cohorts.medmnist_file import read_medmnist
from evaluation.errors import CohortError
from models.data_layout import ImageFolderLayout, TruthColumn
from models.manifest import RadiographPreprocessing
from models.preprocess import radiograph_to_tensor
from models.release import sha256_of

TABLE = "labels.csv"
_COLUMNS = ("file", "label", "patient")
#: What tables call the splits; ``dev`` is a set that nobody divided.
_SPLITS = {
    "": "",
    "dev": "",
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
}
#: What a table writes where it does not know the patient: each such image is then a patient of its own.
_UNKNOWN_PATIENT = frozenset({"", "unknown"})


def read_image_folder(
    path: Path, layout: ImageFolderLayout, preprocessing: RadiographPreprocessing, labels: Sequence[str]
) -> Cohort:
    """Read the folder at *path* with its ``labels.csv``, a table of that form, or a MedMNIST ``.npz``.

    A label whose column is absent, or whose cell is empty, is unknown (NaN); the first label must be known of all.

    Raises:
        CohortError: the layout is another, a column or label is missing, one class only, an image cannot be read or
            is named twice, or a patient is in two splits.
    """
    source = path / TABLE if path.is_dir() else path
    if not source.is_file():
        raise CohortError(f"'{source}' is not there; required is a folder with {TABLE}, such a table, or a .npz file")
    if source.suffix == ".npz":
        return _read_medmnist(source, layout, preprocessing, labels)
    table = _read_table(source)
    files = [str(file) for file in table["file"]]
    truths = _truths(source, table, layout, labels)
    patients = np.array(
        [
            file if patient in _UNKNOWN_PATIENT else patient
            for file, patient in zip(files, table["patient"], strict=True)
        ]
    )
    splits = _splits(source, table)
    _demand_one_split(source, patients, splits)
    images = [_tensor(read_image_file(source.parent / file), preprocessing) for file in files]
    return Cohort(
        source=f"{len(files)} images of {source.name}",
        inputs=np.stack(images),
        truths=truths,
        patients=patients,
        keys=np.array(files),
        splits=splits,
        groups={name: table[name].to_numpy(dtype=np.str_) for name in layout.groups if name in table},
        hours=None,
        files={file: sha256_of(source.parent / file) for file in files} | {source.name: sha256_of(source)},
    )


def _read_medmnist(
    path: Path, layout: ImageFolderLayout, preprocessing: RadiographPreprocessing, labels: Sequence[str]
) -> Cohort:
    held = read_medmnist(path)
    truths = _truths(path, pd.DataFrame({"label": held.labels}), layout, labels)
    return Cohort(
        source=f"{len(held.keys)} images of {path.name}",
        inputs=np.stack([_tensor(_radiograph(image), preprocessing) for image in held.images]),
        truths=truths,
        patients=held.keys,
        keys=held.keys,
        splits=held.splits,
        groups={},
        hours=None,
        files={path.name: sha256_of(path)},
    )


def _tensor(radiograph: Radiograph, preprocessing: RadiographPreprocessing) -> npt.NDArray[np.float32]:
    return radiograph_to_tensor(radiograph, preprocessing)[0][0]


def _radiograph(image: npt.NDArray[np.uint8]) -> Radiograph:
    return Radiograph(pixels=image.astype(np.float32), value_range=(0, 255), pixel_spacing_mm=None, sop_instance_uid="")


def _read_table(path: Path) -> pd.DataFrame:
    try:
        # As text: 007 is no number, and an empty cell is empty.
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise CohortError(f"'{path}' cannot be read as a table ({error}); required is CSV in UTF-8") from error
    missing = [column for column in _COLUMNS if column not in table]
    if missing:
        raise CohortError(
            f"'{path}' has the columns {', '.join(table) or 'none'}; required are {', '.join(_COLUMNS)}, "
            f"missing {', '.join(missing)}"
        )
    if table.empty:
        raise CohortError(f"'{path}' has no rows; required is one row an image")
    twice = [file for file, count in Counter(table["file"]).items() if count > 1]
    if twice:
        raise CohortError(f"'{path}' names '{twice[0]}' and {len(twice) - 1} further files twice; each stands once")
    return table.apply(lambda column: column.str.strip())


def _truths(
    path: Path, table: pd.DataFrame, layout: ImageFolderLayout, labels: Sequence[str]
) -> npt.NDArray[np.float32]:
    truths = np.stack([_truth(path, table, layout.truths.get(label)) for label in labels], axis=1)
    first = truths[:, 0]
    if np.isnan(first).any():
        where = layout.truths[labels[0]].column if labels[0] in layout.truths else labels[0]
        raise CohortError(
            f"'{path}' leaves '{where}' empty in {int(np.isnan(first).sum())} of {len(first)} rows; '{labels[0]}' must "
            "be known of every image"
        )
    if len(np.unique(first)) < 2:
        raise CohortError(f"'{path}' has {int(first.sum())} of {len(first)} images with '{labels[0]}'; both are needed")
    return truths


def _truth(path: Path, table: pd.DataFrame, truth: TruthColumn | None) -> npt.NDArray[np.float32]:
    if truth is None or truth.column not in table:
        return np.full(len(table), np.nan, dtype=np.float32)
    texts = table[truth.column].str.lower()
    positive = {text.lower() for text in truth.positive}
    negative = {text.lower() for text in truth.negative}
    if negative and not set(texts) <= positive | negative | {""}:
        odd = sorted(set(texts) - positive - negative - {""})
        raise CohortError(
            f"'{path}' says '{odd[0]}' in column '{truth.column}'; required is one of "
            f"{', '.join(sorted(positive | negative))}, or nothing where it is unknown"
        )
    return np.where(texts == "", np.nan, texts.isin(positive).astype(np.float32)).astype(np.float32)


def _splits(path: Path, table: pd.DataFrame) -> npt.NDArray[np.str_]:
    if "split" not in table:
        return np.full(len(table), "", dtype=np.str_)
    said = table["split"].str.lower()
    unknown = sorted(set(said) - set(_SPLITS))
    if unknown:
        raise CohortError(
            f"'{path}' has the split '{unknown[0]}'; required is one of {', '.join(filter(None, _SPLITS))}"
        )
    return np.array([_SPLITS[split] for split in said])


def _demand_one_split(path: Path, patients: npt.NDArray[np.str_], splits: npt.NDArray[np.str_]) -> None:
    home: dict[str, str] = {}
    for patient, split in zip(patients, splits, strict=True):
        if home.setdefault(str(patient), str(split)) != split:
            raise CohortError(
                f"'{path}' has one patient in {home[str(patient)]} and {split} (see the column 'patient'); "
                "a patient belongs to one split"
            )
