"""MIMIC-III's tables become stays that case definitions can read: invented rows here, the real demo where it lies."""

import csv
import gzip
from pathlib import Path

import pytest

from ehr_io.definitions.catalogue import cases
from ehr_io.definitions.history import history_of
from ehr_io.errors import EhrIoError
from ehr_io.events import Event, EventKind, Stay
from ehr_io.mimic3 import Mimic3

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "ehr" / "mimic3_demo"
_ADMISSION = {"row_id": "1", "subject_id": "7", "hadm_id": "70", "admittime": "2100-03-01 08:00:00"}
_ADMISSION |= {"dischtime": "2100-03-20 10:00:00", "deathtime": "", "edregtime": "2100-03-01 04:00:00"}
_CULTURE = {"hadm_id": "70", "chartdate": "2100-03-05 00:00:00", "charttime": "2100-03-05 09:00:00"}
_CULTURE |= {"spec_type_desc": "BLOOD CULTURE", "org_name": "ESCHERICHIA COLI"}
_LAB = {"row_id": "5", "hadm_id": "70.0", "itemid": "50912", "charttime": "2100-03-02 09:00:00", "valuenum": "1.0"}
TABLES = {
    "ADMISSIONS": [_ADMISSION],
    "PATIENTS": [{"subject_id": "7", "gender": "F", "age_at_first_admission": "70"}],
    "TRANSFERS": [
        {"row_id": "3", "hadm_id": "70", "curr_careunit": "", "curr_wardid": "45.0", "intime": "2100-03-01 08:00:00"}
    ],
    "MICROBIOLOGYEVENTS": [
        _CULTURE,
        _CULTURE | {"org_name": "YEAST"},
        _CULTURE | {"spec_type_desc": "SPUTUM"},
        _CULTURE | {"charttime": "", "org_name": "LACTOBACILLUS SPECIES"},
        _CULTURE | {"spec_type_desc": "STOOL", "org_name": ""},
    ],
    "LABEVENTS": [
        _LAB | {"valueuom": "mg/dL"},
        _LAB | {"valueuom": "furlong", "row_id": "6"},
        _LAB | {"valueuom": "mg/dL", "itemid": "99", "row_id": "7"},
    ],
    "D_LABITEMS": [{"itemid": "50912", "fluid": "Blood", "loinc_code": "2160-0"}],
    "PRESCRIPTIONS": [
        {"row_id": "8", "hadm_id": "70", "drug": name, "route": "IV", "startdate": "2100-03-05 00:00:00"}
        for name in ("Piperacillin-Tazobactam", "Saline")
    ],
}


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    for name, rows in TABLES.items():
        with gzip.open(tmp_path / f"{name}.csv.gz", "wt", encoding="utf-8", newline="") as file:
            table = csv.DictWriter(file, list(rows[0]))
            table.writeheader()
            table.writerows(rows)
    return tmp_path


def _stays(told) -> list[Stay]:
    return [
        Stay(
            stay_id=stay,
            patient_id=owner,
            events=tuple(event for telling in one.tellings for event in telling.events),
        )
        for one in told
        for stay, owner in one.owners.items()
    ]


def test_the_tables_become_a_stay_with_its_facts(tables: Path):
    source = Mimic3(directory=tables)
    (told,) = source.tell()
    (stay,) = _stays([told])

    def of(kind: EventKind) -> list[Event]:
        return [event for event in stay.events if event.kind is kind]

    assert (told.owners, told.patients[0].sex) == ({"M3-70": "M3-7"}, "female")
    assert [event.event_time.hour for event in of(EventKind.ADMISSION)] == [4]
    assert [event.code for event in of(EventKind.WARD)] == ["WARD-45"]
    assert [event.code for event in of(EventKind.ORDER)] == ["antibiotic_order"]
    assert [(event.code, event.value) for event in of(EventKind.OBSERVATION)] == [("creatinine", 88.42)]
    assert sorted(event.text for event in of(EventKind.REPORT)) == ["112283007 Yeast", "Lactobacillus-spec"]
    assert [refusal.source for refusal in told.refusals] == ["LABEVENTS/6"]
    assert source.passed_over == {"microbiology of another specimen": 1, "laboratory: unknown code": 1}


def test_definitions_judge_the_stay(tables: Path):
    (stay,) = _stays(Mimic3(directory=tables).tell())
    (case,) = cases([history_of("M3-7", [stay])])
    assert (case.definition, case.unit) == ("haiba-bacteraemia", "WARD-45")


def test_a_missing_table_is_named(tmp_path: Path):
    with pytest.raises(EhrIoError, match=r"ADMISSIONS\.csv\.gz"):
        list(Mimic3(directory=tmp_path).tell())


@pytest.mark.skipif(not REAL.is_dir(), reason="the MIMIC-III demo is not beside this repository")
def test_the_real_demo_holds_real_bacteraemias_of_both_kinds():
    by_patient: dict[str, list[Stay]] = {}
    for stay in _stays(Mimic3(directory=REAL).tell()):
        by_patient.setdefault(stay.patient_id, []).append(stay)
    found = cases([history_of(patient, stays) for patient, stays in by_patient.items()])

    assert len(by_patient) == 67
    assert {case.definition for case in found} == {"haiba-bacteraemia"}
    assert all(case.unit for case in found)
