"""A data set on disk: shards of preprocessed arrays, and a manifest that names the SHA-256 of each.

    <directory>/dataset.json        what it is, its shards, splits and digests
                shard-0000.npz      ``inputs`` (n, ...), ``labels`` (n, ...), ``patients`` (n,), and where they are
                                    known ``hours`` (n,) and ``group <name>`` (n,), which only the evaluation reads

A patient is in one split only. Inputs are what the graph will be given, made by the preprocessing that serving uses;
volumes of unequal size lie in shards of one.
"""

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked_dataclass

from models.release import sha256_of
from training.errors import DataError

_STRICT = ConfigDict(extra="forbid")
#: Before the name of a subgroup in a shard.
_GROUP = "group "


class Split(Enum):
    """What a part of the data is for."""

    #: Weights are fitted on it.
    TRAIN = "train"
    #: The checkpoint is chosen and calibrated on it.
    VALIDATION = "validation"
    #: Looked at once, for the evaluation report.
    TEST = "test"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One example, ready for the network."""

    #: Pseudonym of the patient; never a real identifier.
    patient: str
    #: Input without the batch axis: image (1, y, x), volume (1, z, y, x) or features (f,).
    input: npt.NDArray[Any]
    #: Truth: (label,) for a class or an onset, (label, z, y, x) for a mask.
    label: npt.NDArray[Any]
    #: Hours since the first row of the stay; None where the case is no hour of a stay.
    hour: float | None = None
    #: Subgroup name -> value, for the evaluation.
    groups: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The cases of one shard."""

    #: The shard.
    file: Path
    #: (case, ...)
    inputs: npt.NDArray[Any]
    #: (case, label, ...)
    labels: npt.NDArray[Any]
    #: (case,), pseudonyms.
    patients: npt.NDArray[np.str_]
    #: (case,), hours since the first row of the stay; None where the cases are no hours of stays.
    hours: npt.NDArray[np.float32] | None
    #: Subgroup name -> (case,).
    groups: Mapping[str, npt.NDArray[np.str_]]


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class Shard:
    """One file of a data set."""

    #: File name.
    file: str
    #: What it is for.
    split: Split
    #: How many cases it holds.
    cases: int
    #: SHA-256 of the file.
    sha256: str


@checked_dataclass(frozen=True, kw_only=True, config=_STRICT)
class DatasetManifest:
    """``dataset.json``."""

    #: The bundle whose preprocessing made the inputs.
    bundle: str
    #: Where the cases come from, for people.
    source: str
    #: The seed that drew them; 0 when none did.
    seed: int
    #: In the order of writing.
    shards: tuple[Shard, ...]
    #: SHA-256 of each file of the source that was read, by its name there; empty for invented patients.
    files: dict[str, str] = field(default_factory=dict)


_MANIFEST = TypeAdapter(DatasetManifest)


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set whose manifest has been read."""

    #: Its directory.
    path: Path
    #: What it holds.
    manifest: DatasetManifest
    #: SHA-256 of dataset.json, which names the SHA-256 of every shard: one digest for all the data.
    sha256: str

    def cases(self, split: Split) -> Iterator[Case]:
        """Every case of *split*, shard by shard.

        Raises:
            DataError: a shard is missing or was altered.
        """
        for batch in self.batches(split):
            for patient, image, label in zip(batch.patients, batch.inputs, batch.labels, strict=True):
                yield Case(patient=str(patient), input=image, label=label)

    def batches(self, split: Split) -> Iterator[Batch]:
        """Every case of *split*, a shard at a time.

        Raises:
            DataError: a shard is missing or was altered.
        """
        for shard in self.manifest.shards:
            if shard.split is split:
                yield _read_shard(self.path / shard.file, shard.sha256)

    def patients(self, split: Split) -> frozenset[str]:
        """The patients of *split*.

        Raises:
            DataError: a shard is missing or cannot be read.
        """
        shards = (shard for shard in self.manifest.shards if shard.split is split)
        return frozenset().union(*(_patients_of(self.path / shard.file) for shard in shards))

    def count(self, split: Split) -> int:
        """How many cases *split* has."""
        return sum(shard.cases for shard in self.manifest.shards if shard.split is split)


def open_dataset(path: Path) -> Dataset:
    """Read the data set at *path* and see that no patient is in two splits.

    Raises:
        DataError: there is none, it is not valid, it was altered, or its splits share a patient.
    """
    try:
        text = (path / "dataset.json").read_bytes()
        manifest = _MANIFEST.validate_json(text)
    except OSError as error:
        raise DataError(
            f"'{path}' holds no dataset.json; give a data set, or draw one: varsel train BUNDLE --data synthetic"
        ) from error
    except ValidationError as error:
        raise DataError(f"'{path / 'dataset.json'}' is not valid: {error}") from error
    dataset = Dataset(path=path, manifest=manifest, sha256=hashlib.sha256(text).hexdigest())
    _demand_disjoint(dataset)
    return dataset


@dataclass(frozen=True, kw_only=True)
class Description:
    """What the manifest says beside its shards."""

    #: The bundle whose preprocessing made the inputs.
    bundle: str
    #: Where the cases come from.
    source: str
    #: The seed that drew them.
    seed: int
    #: Cases in one file.
    shard_size: int = 64
    #: SHA-256 of each file of the source that was read, by its name there.
    files: Mapping[str, str] = field(default_factory=dict)


def write_dataset(path: Path, cases: Iterable[tuple[Split, Case]], description: Description) -> Dataset:
    """Write *cases* (in runs of equal split) to the new directory *path*.

    Raises:
        DataError: *path* already holds a data set, or the splits share a patient.
    """
    if (path / "dataset.json").exists():
        raise DataError(f"'{path}' already holds a data set; give a new directory")
    path.mkdir(parents=True, exist_ok=True)
    shards: list[Shard] = []
    for split, batch in _batches(cases, description.shard_size):
        shards.append(_write_shard(path, len(shards), split, batch))
    manifest = DatasetManifest(
        bundle=description.bundle,
        source=description.source,
        seed=description.seed,
        shards=tuple(shards),
        files=dict(description.files),
    )
    (path / "dataset.json").write_bytes(_MANIFEST.dump_json(manifest, indent=2) + b"\n")
    return open_dataset(path)


def split_of(number: int, count: int) -> Split:
    """70 % of *count* patients for training, 15 % for validation, the rest for test; by position alone."""
    if number < round(count * 0.7):
        return Split.TRAIN
    return Split.VALIDATION if number < round(count * 0.85) else Split.TEST


def _batches(cases: Iterable[tuple[Split, Case]], size: int) -> Iterator[tuple[Split, list[Case]]]:
    for split, group in groupby(cases, key=lambda pair: pair[0]):
        batch: list[Case] = []
        for _, case in group:
            batch.append(case)
            if len(batch) == size:
                yield split, batch
                batch = []
        if batch:
            yield split, batch


def _write_shard(path: Path, number: int, split: Split, batch: list[Case]) -> Shard:
    file = path / f"shard-{number:04d}.npz"
    np.savez(
        file,
        inputs=np.stack([case.input for case in batch]),
        labels=np.stack([case.label for case in batch]),
        patients=np.array([case.patient for case in batch]),
        **_facts_of(batch),  # type: ignore[arg-type]  # the stub takes every keyword for allow_pickle
    )
    return Shard(file=file.name, split=split, cases=len(batch), sha256=sha256_of(file))


def _facts_of(batch: list[Case]) -> dict[str, npt.NDArray[Any]]:
    facts: dict[str, npt.NDArray[Any]] = {}
    if all(case.hour is not None for case in batch):
        facts["hours"] = np.array([case.hour for case in batch], dtype=np.float32)
    for name in sorted({name for case in batch for name in case.groups}):
        facts[f"{_GROUP}{name}"] = np.array([case.groups.get(name, "") for case in batch])
    return facts


def _read_shard(file: Path, sha256: str) -> Batch:
    if not file.is_file():
        raise DataError(f"'{file}' is missing; prepare the data again")
    if sha256_of(file) != sha256:
        raise DataError(f"'{file}' was altered since the data set was written; prepare the data again")
    inputs, labels, patients = _arrays_of(file, "inputs", "labels", "patients")
    if not len(inputs) == len(labels) == len(patients):
        raise DataError(
            f"'{file}' has {len(inputs)} inputs, {len(labels)} labels and {len(patients)} patients; "
            "each case needs one of each: prepare the data again"
        )
    facts = _read_facts(file)
    groups = {name.removeprefix(_GROUP): values for name, values in facts.items() if name != "hours"}
    return Batch(file=file, inputs=inputs, labels=labels, patients=patients, hours=facts.get("hours"), groups=groups)


def _read_facts(file: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(file, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files if name == "hours" or name.startswith(_GROUP)}


def _demand_disjoint(dataset: Dataset) -> None:
    home: dict[str, Split] = {}
    for shard in dataset.manifest.shards:
        for patient in _patients_of(dataset.path / shard.file):
            if home.setdefault(patient, shard.split) is not shard.split:
                raise DataError(
                    f"'{dataset.path}' has one patient in {home[patient].value} and {shard.split.value}; "
                    "a patient belongs to one split"
                )


def _patients_of(file: Path) -> frozenset[str]:
    if not file.is_file():
        raise DataError(f"'{file}' is missing; prepare the data again")
    (patients,) = _arrays_of(file, "patients")
    return frozenset(map(str, patients))


def _arrays_of(file: Path, *names: str) -> tuple[npt.NDArray[Any], ...]:
    try:
        # Without pickles: a shard is data and must not run code.
        with np.load(file, allow_pickle=False) as arrays:
            return tuple(arrays[name] for name in names)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"'{file}' is no shard of a data set ({error}); prepare the data again") from error
