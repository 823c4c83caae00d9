"""Stays from a table, one row an hour or one row a stay: features as of each row, the truth, subgroups."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ehr_io.codes import code_map
from evaluation.cohorts.cohort import Cohort
from evaluation.cohorts.table_file import read_table
from evaluation.cohorts.truth import truths_of
from evaluation.errors import CohortError
from models.data_layout import StayTableLayout, TruthColumn
from models.hourly_features import Column, StayRows, features_of_rows
from models.manifest import StayPreprocessing
from models.release import sha256_of

#: Age bands of the subgroups: first year of each, and what it is called.
_AGE_BANDS = ((0, "0-17"), (18, "18-44"), (45, "45-64"), (65, "65-79"), (80, "80+"))
#: Other texts of a truth column that an error tells at most.
_WORDS_TOLD = 3


def read_stay_table(
    path: Path, layout: StayTableLayout, preprocessing: StayPreprocessing, labels: Sequence[str]
) -> Cohort:
    """Read the table at *path* (``.parquet``, ``.csv``, ``.csv.gz``) as *layout* says; rows may come in any order.

    Features are those of `models.features` as of each row. A value that no living patient can have (``possible`` in
    ``ehr_io/codes.toml``) counts as not measured, as it does when it comes from the record. Beside the layout's groups
    there are ``sex`` and ``age_band`` where the table tells them, and, of an hourly table, ``true_from_first_hour``:
    a stay that no warning could have come before.

    Raises:
        CohortError: the file, a column, or a cell is not what *layout* says, or the truth knows one class only.
        ManifestError: a feature is of a concept that *layout* does not place.
    """
    if len(labels) != 1:
        raise CohortError(f"a table of stays holds the truth of one label; the model has {', '.join(labels)}")
    table = _sorted(read_table(path, _columns(layout)), layout, path)
    values = {concept: _values(table, layout, concept, path) for concept in layout.concepts}
    # A column that counts the hours is never empty, and no measurement.
    measured = [column for concept, column in values.items() if layout.concepts[concept].column != layout.hour]
    if all(np.isnan(column).all() for column in measured):
        raise CohortError(
            f"'{path}' has no value in any of its {len(measured)} columns of concepts; nothing to judge by"
        )
    stays, names = pd.factorize(table[layout.stay].astype(str))
    hours = np.zeros(len(table)) if layout.hour is None else table[layout.hour].to_numpy(np.float64)
    truths = _truths(table, layout.truth, path)
    named = np.asarray(names, dtype=np.str_)[stays]
    return Cohort(
        source=f"{len(names)} stays, {len(table)} rows of {path.name}",
        inputs=features_of_rows(StayRows(stays=stays, hours=hours, values=values), preprocessing),
        truths=truths[:, np.newaxis],
        patients=named,
        keys=named if layout.hour is None else np.array([f"{s}/{h:g}" for s, h in zip(named, hours, strict=True)]),
        splits=np.full(len(table), ""),
        groups=_groups(table, layout, values) | _late(stays, truths, layout),
        hours=None if layout.hour is None else _since_first(stays, hours),
        files={path.name: sha256_of(path)},
    )


def _columns(layout: StayTableLayout) -> tuple[str, ...]:
    hour = () if layout.hour is None else (layout.hour,)
    return (layout.stay, *hour, layout.truth.column, *(place.column for place in layout.concepts.values()))


def _sorted(table: pd.DataFrame, layout: StayTableLayout, path: Path) -> pd.DataFrame:
    order = [layout.stay]
    if layout.hour is not None:
        table = table.assign(**{layout.hour: _numbers(table, layout.hour, path)})
        order.append(layout.hour)
    unknown = [column for column in order if table[column].isna().any()]
    if unknown:
        raise CohortError(f"'{path}' has empty cells in '{unknown[0]}'; each row needs its {' and '.join(order)}")
    twice = int(table.duplicated(order).sum())
    if twice:
        raise CohortError(f"'{path}' has {twice} rows whose {' and '.join(order)} stood before; each may stand once")
    return table.sort_values(order, kind="stable", ignore_index=True)


def _values(table: pd.DataFrame, layout: StayTableLayout, concept: str, path: Path) -> Column:
    place = layout.concepts[concept]
    values = _numbers(table, place.column, path) * place.factor + place.offset
    known = code_map().concepts.get(concept)
    if known is None or known.possible is None:
        return values
    low, high = known.possible
    return np.where((values >= low) & (values <= high), values, np.nan)


def _numbers(table: pd.DataFrame, column: str, path: Path) -> Column:
    numbers = pd.to_numeric(table[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    no_number = np.flatnonzero(np.isnan(numbers) & table[column].notna().to_numpy())
    faults = no_number if len(no_number) else np.flatnonzero(np.isinf(numbers))
    if len(faults):
        what = "no number" if len(no_number) else "infinite"
        raise CohortError(
            f"'{path}' has {len(faults)} cells in column '{column}' that are {what}, the first in data row "
            f"{table.index[faults[0]] + 1}; required a finite number with a decimal point, or an empty cell where "
            "nothing was measured"
        )
    return numbers


def _truths(table: pd.DataFrame, truth: TruthColumn, path: Path) -> npt.NDArray[np.float32]:
    truths, others = truths_of(_texts(table[truth.column]).tolist(), truth)
    if truth.negative and others:
        raise CohortError(
            f"'{path}' says '{others[0]}' in column '{truth.column}'; required is one of "
            f"{', '.join((*truth.positive, *truth.negative))}, or nothing where it is unknown"
        )
    positives, negatives = int((truths == 1).sum()), int((truths == 0).sum())
    if not positives or not negatives:
        raise CohortError(
            f"'{path}' has {positives} rows whose '{truth.column}' is {' or '.join(truth.positive)} and {negatives} "
            f"with another value{_told(others)}; both are needed"
        )
    return truths


def _told(others: Sequence[str]) -> str:
    """The *others* where they are words of one column and no cells of one patient each."""
    return f" ({', '.join(others)})" if 0 < len(others) <= _WORDS_TOLD else ""


def _texts(column: "pd.Series[object]") -> npt.NDArray[np.str_]:
    """Cells as people write them: 1, not 1.0; empty where unknown."""
    if pd.api.types.is_numeric_dtype(column):
        numbers = column.to_numpy(np.float64, na_value=np.nan)
        return np.array(["" if np.isnan(number) else f"{number:g}" for number in numbers])
    return np.array(["" if pd.isna(cell) else str(cell).strip() for cell in column])


def _groups(
    table: pd.DataFrame, layout: StayTableLayout, values: Mapping[str, Column]
) -> dict[str, npt.NDArray[np.str_]]:
    groups = {name: _texts(table[name]) for name in layout.groups if name in table}
    if "sex" in values:
        groups["sex"] = np.select([values["sex"] == 1, values["sex"] == 0], ["male", "female"], "")
    if "birth_date" in values:
        bands = [values["birth_date"] >= first for first, _ in reversed(_AGE_BANDS)]
        groups["age_band"] = np.select(bands, [name for _, name in reversed(_AGE_BANDS)], "")
    return groups


def _late(
    stays: npt.NDArray[np.intp], truths: npt.NDArray[np.float32], layout: StayTableLayout
) -> dict[str, npt.NDArray[np.str_]]:
    if layout.hour is None:
        return {}
    first = truths[np.searchsorted(stays, stays, side="left")]
    return {"true_from_first_hour": np.where(first == 1, "yes", "no")}


def _since_first(stays: npt.NDArray[np.intp], hours: Column) -> npt.NDArray[np.float32]:
    return (hours - hours[np.searchsorted(stays, stays, side="left")]).astype(np.float32)
