"""Events out of tables of MIMIC-III: by Varsel's importer, and by MEDS-extract in the same run.

MEDS-extract (PyPI, MIT) is no dependency of Varsel: `bench_stays.py --meds DIR` names the ``bin`` of an environment
that holds it, `--tables DIR` the tables. They are read *copies* times under other numbers: the demo has 67 patients.
"""

import csv
import gzip
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from ehr_io.mimic3 import TABLES, Mimic3

#: Columns that number things; a copy adds to them.
_NUMBERS = {"subject_id", "hadm_id", "row_id"}
_COPY = 10_000_000
_MESSY = """
etl:
  dataset_name: MIMIC3
  raw_dataset_version: demo
_defaults:
  subject_id: $subject_id
ADMISSIONS:
  came:
    code: f"ADMISSION//{$admission_type}"
    time: $admittime as "%Y-%m-%d %H:%M:%S"
  left:
    code: f"DISCHARGE//{$discharge_location}"
    time: $dischtime as "%Y-%m-%d %H:%M:%S"
TRANSFERS:
  moved:
    code: f"TRANSFER//{$curr_wardid}"
    time: $intime as "%Y-%m-%d %H:%M:%S"
LABEVENTS:
  measured:
    code: f"LAB//{$itemid}//{$valueuom}"
    time: $charttime as "%Y-%m-%d %H:%M:%S"
    numeric_value: $valuenum
MICROBIOLOGYEVENTS:
  grown:
    code: f"CULTURE//{$spec_type_desc}//{$org_name}"
    time: $charttime as "%Y-%m-%d %H:%M:%S"
PRESCRIPTIONS:
  ordered:
    code: f"DRUG//{$drug}//{$route}"
    time: $startdate as "%Y-%m-%d %H:%M:%S"
"""


def time_extraction(tables: Path, meds: Path, copies: int) -> list[tuple[str, int, float]]:
    """(what, events, seconds) of both, on the same *copies* of *tables*."""
    with tempfile.TemporaryDirectory() as scratch:
        raw = Path(scratch) / "raw"
        raw.mkdir()
        for name in TABLES:
            _copied(tables / f"{name}.csv.gz", raw / f"{name}.csv.gz", copies if name != "D_LABITEMS" else 1)
        return [("by Varsel", *_ours(raw)), ("by MEDS-extract", *_theirs(raw, meds, Path(scratch)))]


def _copied(source: Path, target: Path, copies: int) -> None:
    with gzip.open(source, "rt", newline="") as file:
        rows = list(csv.DictReader(file))
    with gzip.open(target, "wt", newline="", compresslevel=1) as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        for copy in range(copies):
            writer.writerows({k: _renumbered(k, v, copy) for k, v in row.items()} for row in rows)


def _renumbered(column: str, value: str, copy: int) -> str:
    return str(int(float(value)) + copy * _COPY) if column in _NUMBERS and value else value


def _ours(raw: Path) -> tuple[int, float]:
    began = time.perf_counter()
    count = sum(len(told.tellings) for told in Mimic3(directory=raw).tell())
    return count, time.perf_counter() - began


def _theirs(raw: Path, meds: Path, scratch: Path) -> tuple[int, float]:
    spec, out = scratch / "messy.yaml", scratch / "out"
    spec.write_text(_MESSY)
    command = [str(meds / "meds-extract-run"), f"spec={spec}", f"output_dir={out}", "do_download=false"]
    # Its stages are commands that it looks for on the path.
    environment = os.environ | {"PATH": f"{meds}{os.pathsep}{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    began = time.perf_counter()
    told = {"capture_output": True, "text": True, "timeout": 600}
    done = subprocess.run([*command, f"input_dir={raw}"], check=False, env=environment, **told)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stdout[-1500:] + done.stderr[-1500:])
    return sum(pq.read_metadata(path).num_rows for path in (out / "data").rglob("*.parquet")), seconds
