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
from evaluation.cohorts.table_file import named_as, read_csv
from evaluation.cohorts.truth import truths_of
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
        CohortError: the layout is another, a column, label or image is missing, one class only, an image cannot be
            read or is named twice, or a patient is in two splits.
    """
    source = path / TABLE if path.is_dir() else path
    if not source.is_file():
        raise CohortError(f"'{source}' is not there; required is a folder with {TABLE}, such a table, or a .npz file")
    if source.suffix == ".npz":
        return _read_medmnist(source, layout, preprocessing, labels)
    table = _read_table(source, layout)
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


def _read_table(path: Path, layout: ImageFolderLayout) -> pd.DataFrame:
    known = (*_COLUMNS, "split", *(truth.column for truth in layout.truths.values()), *layout.groups)
    try:
        table = named_as(read_csv(path, as_text=True), known).apply(lambda column: column.str.strip())
    except (OSError, ValueError) as error:
        raise CohortError(f"'{path}' cannot be read as a table ({error}); required is CSV in UTF-8") from error
    missing = [column for column in _COLUMNS if column not in table]
    if missing:
        raise CohortError(
            f"'{path}' has the columns {', '.join(table) or 'none'}; required are {', '.join(_COLUMNS)}, "
            f"missing {', '.join(missing)}"
        )
    # Spreadsheets write rows of empty cells below the last.
    table = table[(table != "").any(axis=1)]
    if table.empty:
        raise CohortError(f"'{path}' has no rows; required is one row an image")
    _demand_files(path, table["file"])
    return table


def _demand_files(table: Path, files: "pd.Series[str]") -> None:
    twice = [file for file, count in Counter(files).items() if count > 1]
    if twice:
        raise CohortError(f"'{table}' names {len(twice)} files more than once, first '{twice[0]}'; each stands once")
    missing = [file for file in files if not (table.parent / file).is_file()]
    if missing:
        raise CohortError(
            f"'{table}' names {len(missing)} of {len(files)} files that are not there, first '{missing[0]}'; required "
            "are paths from the folder of the table, with /"
        )


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
    truths, odd = truths_of(table[truth.column].tolist(), truth)
    if truth.negative and odd:
        raise CohortError(
            f"'{path}' says '{odd[0]}' in column '{truth.column}'; required is one of "
            f"{', '.join(sorted({*truth.positive, *truth.negative}))}, or nothing where it is unknown"
        )
    return truths


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
