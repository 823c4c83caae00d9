"""The tables of MIMIC-III (demo or whole) become what a record's feed would have told.

MIMIC-III does not tell when an answer was known. Assumed are an hour for blood tests and two days for cultures; birth
is the age at the first admission before it. Times bear no zone and are taken as UTC; they are shifted by MIMIC.

Source: Johnson et al., MIMIC-III Clinical Database (demo), PhysioNet, ODbL 1.0.
"""

import csv
import gzip
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

from ehr_io.codes import Coding, Concept, code_map
from ehr_io.errors import ContradictionError, EhrIoError
from ehr_io.events import Event, EventKind
from ehr_io.receive.fields import is_id
from ehr_io.receive.reading import PatientReading, RefusalCode, ResourceRefusal
from ehr_io.told import Telling, Told

TABLES = ("ADMISSIONS", "PATIENTS", "TRANSFERS", "MICROBIOLOGYEVENTS", "LABEVENTS", "D_LABITEMS", "PRESCRIPTIONS")
_LABORATORY_DELAY, _CULTURE_DELAY = timedelta(hours=1), timedelta(hours=48)
_YEAR = timedelta(days=365.25)
_LOINC = "http://loinc.org"
_Row = dict[str, str]


@dataclass(kw_only=True)
class Mimic3:
    """The tables of one folder."""

    #: Where ``ADMISSIONS.csv.gz`` and the others lie.
    directory: Path
    #: Colonies per ml to take for organisms in urine, which the tables do not tell; None = not told.
    urine_cfu_per_ml: float | None = None
    #: Rows that tell nothing to us, by reason.
    passed_over: Counter[str] = field(default_factory=Counter)

    def tell(self) -> Iterator[Told]:
        """What the tables tell, admission by admission.

        Raises:
            EhrIoError: a table is missing.
        """
        map_ = _words()
        admissions = {row["hadm_id"]: row for row in self._rows("ADMISSIONS")}
        born = self._births(admissions.values())
        events: dict[str, list[Event]] = defaultdict(list)
        refusals: dict[str, list[ResourceRefusal]] = defaultdict(list)
        for event in (*self._transfers(admissions), *self._cultures(admissions, map_), *self._drugs(admissions, map_)):
            events[event.stay_id].append(event)
        for found in self._laboratory(admissions, map_):
            if isinstance(found, Event):
                events[found.stay_id].append(found)
            else:
                refusals[found[0]].append(found[1])
        for hadm_id, row in admissions.items():
            stay_id = f"M3-{hadm_id}"
            told = [*_admission(row), *events[stay_id]]
            yield Told(
                door="mimic3",
                owners={stay_id: f"M3-{row['subject_id']}"},
                tellings=tuple(_tellings(told)),
                patients=(born[row["subject_id"]],),
                refusals=tuple(refusals[stay_id]),
            )

    def _births(self, admissions: Any) -> dict[str, PatientReading]:
        first: dict[str, datetime] = {}
        died: dict[str, datetime] = {}
        for row in admissions:
            at = _moment(row["admittime"])
            first[row["subject_id"]] = min(at, first.get(row["subject_id"], at))
            if row["deathtime"]:
                died[row["subject_id"]] = _moment(row["deathtime"])
        return {
            row["subject_id"]: PatientReading(
                patient_id=f"M3-{row['subject_id']}",
                source=f"Patient/M3-{row['subject_id']}",
                birth_date=(first[row["subject_id"]] - (float(row["age_at_first_admission"]) + 0.5) * _YEAR).date(),
                sex="female" if row["gender"] == "F" else "male",
                died_at=died.get(row["subject_id"]),
            )
            for row in self._rows("PATIENTS")
            if row["subject_id"] in first
        }

    def _transfers(self, admissions: dict[str, _Row]) -> Iterator[Event]:
        for row in self._rows("TRANSFERS"):
            if row["hadm_id"] in admissions and row["curr_wardid"] and row["intime"]:
                at = _moment(row["intime"])
                ward = row["curr_careunit"] or f"WARD-{row['curr_wardid'].split('.')[0]}"
                yield _event(row["hadm_id"], f"TRANSFERS/{row['row_id']}", (EventKind.WARD, ward), (at, at))

    def _cultures(self, admissions: dict[str, _Row], words: dict[str, Any]) -> Iterator[Event]:
        grown: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for row in self._rows("MICROBIOLOGYEVENTS"):
            specimen = words["specimens"].get(row["spec_type_desc"])
            if specimen is None or row["hadm_id"] not in admissions:
                self.passed_over["microbiology of another specimen"] += 1
                continue
            organism = words["organisms"].get(row["org_name"]) or _word(row["org_name"])
            grown[row["hadm_id"], specimen, row["charttime"] or row["chartdate"]] |= {organism} - {""}
        for (hadm_id, specimen, at), organisms in grown.items():
            if specimen == "clostridioides_test" and not organisms:
                continue  # A stool culture for something else says nothing of C. difficile.
            taken = _moment(at)
            count = self.urine_cfu_per_ml if specimen == "urine_culture" and organisms else None
            yield Event(
                stay_id=f"M3-{hadm_id}",
                source=f"MICROBIOLOGYEVENTS/{hadm_id}-{specimen}-{taken:%Y%m%d%H%M}",
                kind=EventKind.REPORT,
                code=specimen,
                event_time=taken,
                known_time=taken + _CULTURE_DELAY,
                value=count,
                unit="" if count is None else "[CFU]/mL",
                text=" ".join(sorted(organisms)[:6]),
            )

    def _drugs(self, admissions: dict[str, _Row], words: dict[str, Any]) -> Iterator[Event]:
        names, routes = words["antibiotics"]["names"], set(words["antibiotics"]["routes"])
        for row in self._rows("PRESCRIPTIONS"):
            drug = row["drug"].lower()
            is_one = any(name in drug for name in names) and row["route"] in routes
            if is_one and row["hadm_id"] in admissions and row["startdate"]:
                at = _moment(row["startdate"])
                what = (EventKind.ORDER, "antibiotic_order")
                yield _event(row["hadm_id"], f"PRESCRIPTIONS/{row['row_id']}", what, (at, at))

    def _laboratory(
        self, admissions: dict[str, _Row], words: dict[str, Any]
    ) -> Iterator[Event | tuple[str, ResourceRefusal]]:
        concepts = self._items()
        for row in self._rows("LABEVENTS"):
            concept = concepts.get(row["itemid"])
            if concept is None or row["hadm_id"].split(".")[0] not in admissions or not row["valuenum"]:
                reason = "unknown code" if concept is None else "outside an admission, or no number"
                self.passed_over[f"laboratory: {reason}"] += 1
                continue
            hadm_id, at = row["hadm_id"].split(".")[0], _moment(row["charttime"])
            source = f"LABEVENTS/{row['row_id']}"
            unit = words["units"].get(row["valueuom"]) or code_map().unit_of(row["valueuom"])
            try:
                value = concept.canonical(float(row["valuenum"]), unit)
            except ContradictionError as error:
                is_known = unit == concept.unit or unit in concept.conversions
                code = RefusalCode.IMPOSSIBLE_VALUE if is_known else RefusalCode.UNKNOWN_UNIT
                yield f"M3-{hadm_id}", ResourceRefusal(source=source, reason_code=code, reason=str(error))
                continue
            yield Event(
                stay_id=f"M3-{hadm_id}",
                source=source,
                kind=EventKind.OBSERVATION,
                code=concept.key,
                event_time=at,
                known_time=at + _LABORATORY_DELAY,
                value=value,
                unit=concept.unit,
            )

    def _items(self) -> dict[str, Concept]:
        found: dict[str, Concept] = {}
        for row in self._rows("D_LABITEMS"):
            codings = [Coding(system=_LOINC, code=row["loinc_code"])]
            concept = code_map().concept_for(codings, EventKind.OBSERVATION)
            if concept is not None and row["fluid"].lower() == "blood":
                found[row["itemid"]] = concept
        return found

    def _rows(self, table: str) -> Iterator[_Row]:
        path = self.directory / f"{table}.csv.gz"
        if not path.is_file():
            raise EhrIoError(f"'{path}' is not there; required are {', '.join(f'{name}.csv.gz' for name in TABLES)}")
        with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
            yield from csv.DictReader(file)


def _admission(row: _Row) -> list[Event]:
    start = _moment(row["admittime"])
    # The emergency department is where the contact begins.
    start = min(start, _moment(row["edregtime"])) if row["edregtime"] else start
    source = f"ADMISSIONS/{row['row_id']}"
    events = [_event(row["hadm_id"], f"{source}/in", (EventKind.ADMISSION, "IMP"), (start, start))]
    if row["dischtime"]:
        end = _moment(row["dischtime"])
        events.append(_event(row["hadm_id"], f"{source}/out", (EventKind.DISCHARGE, "IMP"), (end, end)))
    return events


def _tellings(events: list[Event]) -> Iterator[Telling]:
    for event in events:
        yield Telling(source=event.source, stay_id=event.stay_id, told_at=event.known_time, events=(event,))


def _event(hadm_id: str, source: str, what: tuple[EventKind, str], times: tuple[datetime, datetime]) -> Event:
    return Event(
        stay_id=f"M3-{hadm_id}",
        source=source,
        kind=what[0],
        code=what[1],
        event_time=times[0],
        known_time=times[1],
    )


def _word(name: str) -> str:
    """An organism's name as one word that can stand beside codes."""
    word = "-".join(name.capitalize().replace("(", " ").replace(")", " ").replace(",", " ").split())[:18].rstrip("-")
    return word if is_id(word) else "".join(character for character in word if character.isalnum() or character in "-.")


def _moment(written: str) -> datetime:
    # Not strptime, which takes twenty times as long.
    return datetime.fromisoformat(written).replace(tzinfo=UTC)


def _words() -> dict[str, Any]:
    return tomllib.loads((files("ehr_io") / "mimic3.toml").read_text("utf-8"))
