"""Images of one class each, from one table or several, with copies of them that went wrong."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from evaluation.cohorts.changed_copies import changed
from evaluation.cohorts.cohort import Cohort
from evaluation.cohorts.image_file import read_image_file
from evaluation.cohorts.table_file import read_table
from evaluation.errors import CohortError
from models.data_layout import ImageClassesLayout
from models.manifest import RadiographPreprocessing
from models.preprocess import radiograph_to_tensor
from models.release import sha256_of

#: What a table writes where it does not know the patient: each such image is then a patient of its own.
_UNKNOWN = frozenset({"", "unknown"})


@dataclass(frozen=True, kw_only=True)
class _Entry:
    """One image, or one copy of it."""

    #: float32 (1, y, x), ready for the graph.
    image: npt.NDArray[np.float32]
    #: Its class.
    label: str
    #: Pseudonym of the patient.
    patient: str
    #: File, and what was done to it.
    key: str
    #: File.
    file: str
    #: Table that names it.
    table: str


def read_image_classes(
    path: Path, layout: ImageClassesLayout, preprocessing: RadiographPreprocessing, labels: Sequence[str]
) -> Cohort:
    """Read the folder at *path* as *layout* says: every image, then every changed copy.

    The splits of the tables are left aside: they were made for other questions.

    Raises:
        CohortError: no table is there, or a column, class or image is not what *layout* says.
    """
    _demand_known(layout, labels)
    originals = list(_originals(path, layout, preprocessing))
    entries = originals + list(_copies(originals, layout))
    truths = np.array([[entry.label == label for label in labels] for entry in entries], dtype=np.float32)
    absent = [label for label, column in zip(labels, truths.T, strict=True) if not column.any()]
    if absent:
        raise CohortError(f"'{path}' has no image of the class {', '.join(absent)}; each class needs some")
    return Cohort(
        source=f"{len(originals)} images of {', '.join(_tables(path, layout))}, and {len(entries) - len(originals)} "
        "changed copies",
        inputs=np.stack([entry.image for entry in entries]),
        truths=truths,
        patients=np.array([entry.patient for entry in entries]),
        keys=np.array([entry.key for entry in entries]),
        splits=np.full(len(entries), ""),
        groups={"table": np.array([entry.table for entry in entries])},
        hours=None,
        files={entry.file: sha256_of(path / entry.file) for entry in originals}
        | {table: sha256_of(path / table) for table in _tables(path, layout)},
    )


def _demand_known(layout: ImageClassesLayout, labels: Sequence[str]) -> None:
    named = {label for classes in layout.tables.values() for label in classes.values()}
    unknown = sorted((named | {copy.label for copy in layout.copies}) - set(labels))
    if unknown:
        raise CohortError(f"the layout names the classes {', '.join(unknown)}; the model has {', '.join(labels)}")


def _tables(path: Path, layout: ImageClassesLayout) -> tuple[str, ...]:
    found = tuple(table for table in layout.tables if (path / table).is_file())
    if not found:
        raise CohortError(f"'{path}' holds none of {', '.join(layout.tables)}; required is one at least")
    return found


def _originals(path: Path, layout: ImageClassesLayout, spec: RadiographPreprocessing) -> Iterator[_Entry]:
    for table in _tables(path, layout):
        rows = read_table(path / table, ("file", "label", "patient"))
        for file, text, patient in zip(rows["file"], rows["label"].map(_text), rows["patient"], strict=True):
            if text not in layout.tables[table]:
                known = ", ".join(layout.tables[table])
                raise CohortError(f"'{path / table}' calls '{file}' '{text}'; required is one of {known}")
            known_patient = not pd.isna(patient) and str(patient) not in _UNKNOWN
            yield _Entry(
                image=radiograph_to_tensor(read_image_file(path / file), spec)[0][0],
                label=layout.tables[table][text],
                patient=str(patient) if known_patient else file,
                key=file,
                file=file,
                table=table,
            )


def _copies(originals: Sequence[_Entry], layout: ImageClassesLayout) -> Iterator[_Entry]:
    turns: Mapping[str, list[int]] = {copy.of: [] for copy in layout.copies}
    for seed, entry in enumerate(originals):
        choices = [copy for copy in layout.copies if copy.of == entry.label]
        if choices:
            copy = choices[len(turns[entry.label]) % len(choices)]
            turns[entry.label].append(seed)
            yield _Entry(
                image=changed(entry.image[0], copy.change, seed)[np.newaxis],
                label=copy.label,
                patient=entry.patient,
                key=f"{entry.file} {copy.change.value}",
                file=entry.file,
                table=entry.table,
            )


def _text(cell: object) -> str:
    # Pandas reads a column of digits as numbers.
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
