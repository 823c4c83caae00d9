"""Does the data set tell more than it should? Each check on a cohort gives one finding; none repairs anything.

Of the traps of hospital data (a patient in two splits, features known only later, time-to-event features, names that
hold the label) these are the ones that a table can be asked about; the definition of the cohort itself cannot.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from evaluation.cohorts.cohort import Cohort
from evaluation.metrics import auroc
from evaluation.report import Check, Finding
from evaluation.tally import Floats, Scored, tally

#: One feature that separates better than this is the label in disguise.
SEPARATES = 0.99
#: A feature of the first hour that tells the later outcome better than this knows the future.
KNOWS_FUTURE = 0.95
#: Rows looked at, evenly spread, and cases of each class needed to speak of a feature.
_ROWS, _ENOUGH = 50_000, 20
#: Rows of features with fewer measured values are equal by chance.
_MEASURED = 5
#: Share of hours in which a feature must fall by the hour to count as counting down.
_ALWAYS = 0.95


def find_leaks(cohort: Cohort, feature_names: Sequence[str] = ()) -> tuple[Finding, ...]:
    """Every check that applies to *cohort*; *feature_names* name the columns of its inputs, where it has columns."""
    columns = _columns(cohort, feature_names)
    findings = [_patients_in_two_splits(cohort), _inputs_in_two_splits(cohort), _one_feature(cohort, columns)]
    if cohort.hours is not None:
        findings += [_future_in_first_hour(cohort, columns), _counts_down(cohort, columns)]
    return (*findings, _names(cohort))


def _patients_in_two_splits(cohort: Cohort) -> Finding:
    check = Check.PATIENT_IN_TWO_SPLITS
    pairs = _distinct_pairs(cohort.patients, cohort.splits)
    if pairs is None:
        return Finding(check=check, suspicious=False, found="the source names no splits")
    return _counted(check, pairs, "patients")


def _inputs_in_two_splits(cohort: Cohort) -> Finding:
    check = Check.SAME_INPUT_IN_TWO_SPLITS
    told = np.ones(len(cohort.inputs), dtype=np.bool_)
    if cohort.inputs.ndim == 2:
        told = (~np.isnan(cohort.inputs)).sum(axis=1) >= _MEASURED
    digests = np.array([hashlib.blake2b(one.tobytes(), digest_size=8).hexdigest() for one in cohort.inputs[told]])
    pairs = _distinct_pairs(digests, cohort.splits[told])
    if pairs is None:
        return Finding(check=check, suspicious=False, found="the source names no splits")
    return _counted(check, pairs, "inputs")


def _distinct_pairs(values: npt.NDArray[np.str_], splits: npt.NDArray[np.str_]) -> int | None:
    """How many of *values* stand in more than one split; None where the source names none."""
    named = splits != ""
    if len(np.unique(splits[named])) < 2:
        return None
    pairs = np.unique(np.stack([values[named], splits[named]]), axis=1)
    return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())


def _counted(check: Check, count: int, what: str) -> Finding:
    return Finding(check=check, suspicious=count > 0, found=f"{count} {what} in more than one split")


def _one_feature(cohort: Cohort, columns: Mapping[str, Floats]) -> Finding:
    rows = np.arange(0, len(cohort.keys), max(1, len(cohort.keys) // _ROWS))
    truths = cohort.truths[rows, 0]
    return _best(Check.ONE_FEATURE_SEPARATES, {name: column[rows] for name, column in columns.items()}, truths)


def _future_in_first_hour(cohort: Cohort, columns: Mapping[str, Floats]) -> Finding:
    first = _first_rows(cohort)
    ever = np.maximum.reduceat(np.nan_to_num(cohort.truths[:, 0]), first)
    later = cohort.truths[first, 0] == 0
    chosen = {name: column[first[later]] for name, column in columns.items()}
    return _best(Check.FUTURE_IN_FIRST_HOUR, chosen, ever[later], KNOWS_FUTURE)


def _counts_down(cohort: Cohort, columns: Mapping[str, Floats]) -> Finding:
    hours = np.asarray(cohort.hours)
    follows = (np.diff(hours) == 1) & (cohort.patients[1:] == cohort.patients[:-1])
    found = []
    for name, column in columns.items():
        steps = np.diff(column)[follows]
        steps = steps[~np.isnan(steps)]
        if len(steps) >= 100 and float((np.abs(steps + 1) < 1e-3).mean()) >= _ALWAYS:
            found.append(name)
    text = f"'{found[0]}' falls by one an hour" if found else "no feature falls by one an hour"
    return Finding(check=Check.FEATURE_COUNTS_DOWN, suspicious=bool(found), found=text)


def _names(cohort: Cohort) -> Finding:
    """Order of the cases, length and last number of their names, and the words in them."""
    first = _first_rows(cohort) if cohort.hours is not None else np.arange(len(cohort.keys))
    truths = (
        cohort.truths[:, 0] if cohort.hours is None else np.maximum.reduceat(np.nan_to_num(cohort.truths[:, 0]), first)
    )
    keys = cohort.keys[first] if cohort.hours is None else cohort.patients[first]
    return _best(Check.NAME_TELLS_LABEL, dict(_name_statistics(keys)), truths)


def _name_statistics(keys: npt.NDArray[np.str_]) -> Iterator[tuple[str, Floats]]:
    yield "order of the cases", np.arange(len(keys), dtype=np.float64)
    yield "length of the name", np.char.str_len(keys).astype(np.float64)
    numbers = [re.findall(r"\d+", key) for key in keys]
    yield "last number in the name", np.array([float(found[-1][-15:]) if found else np.nan for found in numbers])
    words = [set(re.findall(r"[a-z]{3,}", key.lower())) for key in keys]
    counts = np.unique([word for found in words for word in sorted(found)], return_counts=True)
    for word in np.array(counts[0])[np.array(counts[1]) >= _ENOUGH][:200]:
        yield f"the word '{word}' in the name", np.array([float(word in found) for found in words])


def _columns(cohort: Cohort, names: Sequence[str]) -> dict[str, Floats]:
    if cohort.inputs.ndim == 2:
        shown = names or [f"feature {number}" for number in range(cohort.inputs.shape[1])]
        return {name: cohort.inputs[:, n].astype(np.float64) for n, name in enumerate(shown)}
    flat = cohort.inputs.reshape(len(cohort.inputs), -1)
    edge = np.concatenate([cohort.inputs[..., 0, :], cohort.inputs[..., -1, :]], axis=-1).reshape(len(flat), -1)
    return {
        "mean brightness": flat.mean(axis=1, dtype=np.float64),
        "contrast": flat.std(axis=1, dtype=np.float64),
        "brightness of the edge": edge.mean(axis=1, dtype=np.float64),
    }


def _first_rows(cohort: Cohort) -> npt.NDArray[np.intp]:
    hours = np.asarray(cohort.hours)
    begins = (cohort.patients[1:] != cohort.patients[:-1]) | (np.diff(hours) <= 0)
    return np.flatnonzero(np.concatenate([[True], begins]))


def _best(
    check: Check, columns: Mapping[str, Floats], truths: npt.NDArray[np.floating], most: float = SEPARATES
) -> Finding:
    """The column that separates best alone, by its value or by whether it was measured, either way round."""
    separations = {
        told: max(value, 1 - value)
        for name, column in columns.items()
        for told, values in ((f"'{name}'", column), (f"whether '{name}' was measured", np.isnan(column).astype(float)))
        if (value := _separation(values, truths)) is not None
    }
    if not separations:
        return Finding(check=check, suspicious=False, found="too few cases to tell")
    best = max(separations, key=separations.__getitem__)
    text = f"best alone is {best}: AUROC {separations[best]:.3f}, suspicious above {most:g}"
    return Finding(check=check, suspicious=separations[best] > most, found=text)


def _separation(values: Floats, truths: npt.NDArray[np.floating]) -> float | None:
    """AUROC of *values* where they and the truth are known; None with too few of a class."""
    known = ~np.isnan(values) & ~np.isnan(truths)
    yes = truths[known] > 0
    if min(int(yes.sum()), int((~yes).sum())) < _ENOUGH or np.ptp(values[known]) == 0:
        return None
    cases = Scored(
        truths=yes.astype(np.int8), probabilities=values[known], patients=np.zeros(len(yes), dtype="U1"), threshold=0.5
    )
    return float(auroc(tally(cases))[0])
