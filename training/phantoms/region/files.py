"""The region on disk: FHIR as NDJSON by type, HL7 v2 as one file in the order of sending, and the truth beside them."""

import csv
import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TextIO

from training.phantoms.region.fhir import observation_lines, stay_lines
from training.phantoms.region.hl7 import Hl7Writer
from training.phantoms.region.plan import TrueCase
from training.phantoms.region.region import Region, moment
from training.phantoms.region.told import region_stays


def write_region(region: Region, directory: Path) -> dict[str, int]:
    """Write *region* below *directory*; how much of each there is."""
    directory.mkdir(parents=True, exist_ok=True)
    counts = _write_fhir(region, directory / "fhir")
    counts["HL7 messages"] = _write_messages(region, directory / "hl7")
    counts["true cases"] = _write_truth(region.truth(), directory / "truth.csv")
    wards = [asdict(ward) | {"kind": ward.kind.value} for ward in region.wards]
    (directory / "wards.json").write_text(json.dumps(wards, indent=1), encoding="utf-8")
    return counts


def _write_fhir(region: Region, directory: Path) -> dict[str, int]:
    directory.mkdir(exist_ok=True)
    counts: dict[str, int] = {}
    with ExitStack() as stack:
        files: dict[str, TextIO] = {}
        for kind, line in _lines(region):
            if kind not in files:
                files[kind] = stack.enter_context((directory / f"{kind}.ndjson").open("w", encoding="utf-8"))
            files[kind].write(line + "\n")
            counts[kind] = counts.get(kind, 0) + 1
    return counts


def _lines(region: Region) -> Iterator[tuple[str, str]]:
    for person, stays in region_stays(replace(region, rounds=())):
        yield from stay_lines(person, stays)
    yield from (("Observation", line) for line in observation_lines(region))


def _write_messages(region: Region, directory: Path) -> int:
    directory.mkdir(exist_ok=True)
    count = 0
    with (directory / "messages.hl7").open("wb") as file:
        for message in Hl7Writer(region).messages():
            file.write(message.body + b"\n")
            count += 1
    return count


def _write_truth(truth: Iterable[TrueCase], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow([*TrueCase.__dataclass_fields__, "sampled_at"])
        for case in truth:
            table.writerow([*asdict(case).values(), moment(case.minute).isoformat()])
            count += 1
    return count
