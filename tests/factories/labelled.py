"""Labelled data on disk that the releases of `tests.factories.releases` can be judged on."""

import csv
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from models.data_layout import ConceptColumn, DataLayout, ImageFolderLayout, StayTableLayout, TruthColumn
from models.folder_store import FolderStore
from models.manifest import Aggregate, Manifest, StayPreprocessing, Task, dump_manifest, load_manifest
from models.release import Release
from tests.factories.releases import promote, write_release

_YES = TruthColumn(column="label", positive=("1",))
LAYOUTS: dict[Task, DataLayout] = {
    Task.IMAGE_CLASSIFICATION: ImageFolderLayout(truths={"opacity": _YES}, groups=("sex",)),
    Task.STAY_RISK: StayTableLayout(
        stay="stay",
        hour="hour",
        truth=_YES,
        concepts={
            "birth_date": ConceptColumn(column="age"),
            "temperature": ConceptColumn(column="temperature"),
            "urinary_catheter": ConceptColumn(column="catheter"),
        },
    ),
}


def release_with_layout(store_dir: Path, task: Task, *, version: str = "0.1.0", alias: str = "champion") -> Release:
    """A release whose manifest says how labelled data lie, *alias* of its model in the store at *store_dir*."""
    store = FolderStore(store_dir)
    with tempfile.TemporaryDirectory() as staged:
        name = "stay_demo" if task is Task.STAY_RISK else "image_demo"
        write_release(Path(staged), task, name=name, version=version)
        path = Path(staged) / "manifest.json"
        path.write_bytes(dump_manifest(replace(_of_rows(load_manifest(path)), data=LAYOUTS[task])))
        release = store.install(Path(staged))
    promote(store, release, alias)
    return release


def _of_rows(manifest: Manifest) -> Manifest:
    """*manifest* with features that rows of a table can have: no durations, since rows tell no ends."""
    spec = manifest.preprocessing
    if not isinstance(spec, StayPreprocessing):
        return manifest
    features = (
        replace(one, aggregate=Aggregate.LAST) if one.aggregate is Aggregate.DURATION_HOURS else one
        for one in spec.features
    )
    return replace(manifest, preprocessing=replace(spec, features=tuple(features)))


def image_folder(path: Path, *, images: int = 60, splits: bool = True) -> Path:
    """A folder with ``labels.csv``: every other image has a bright square, of five a dim one; two images a patient."""
    rng = np.random.default_rng(1)
    path.mkdir(parents=True)
    rows = []
    for number in range(images):
        truth = number % 4 < 2
        picture = rng.integers(0, 90, (64, 64)).astype(np.uint8)
        picture[0, 0], picture[-1, -1] = 0, 255
        if truth:
            picture[20:40, 20:40] = 120 if number % 20 == 0 else 230
        Image.fromarray(picture).save(path / f"i{number:03d}.png")
        part = ("test" if number % 8 < 4 else "train") if splits else ""
        rows.append((f"i{number:03d}.png", int(truth), f"p{number // 2}", part, "FM"[number // 2 % 2]))
    with (path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("file", "label", "patient", "split", "sex"), *rows])
    return path


def stay_table(path: Path, *, stays: int = 40, hours: int = 30) -> Path:
    """An hourly table: of every third stay the temperature rises before the truth does."""
    rng = np.random.default_rng(2)
    rows = []
    for stay in range(stays):
        onset = 20 if stay % 3 == 0 else 10_000
        for hour in range(hours):
            warmth = 37 + 0.2 * rng.normal() + 0.4 * max(0, hour - onset + 8)
            rows.append((f"s{stay:03d}", hour, 40 + stay, warmth, int(stay % 2), int(hour >= onset - 6)))
    table = pd.DataFrame(rows, columns=["stay", "hour", "age", "temperature", "catheter", "label"])
    table.to_parquet(path)
    return path
