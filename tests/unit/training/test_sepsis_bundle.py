"""The bundle infection_sepsis: its table, its live stays, and the published data where it lies beside it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from ehr_io.codes import code_map
from ehr_io.events import Event, EventKind, Stay
from evaluation.cohorts.stay_table import read_stay_table
from evaluation.sepsis_utility import hour_utilities
from models.bundle import find_bundle
from models.data_layout import StayTableLayout
from models.features import features_as_of
from models.manifest import Aggregate, StayPreprocessing
from training.phantoms.stay_table import draw_stay_table

_ROOT = Path(__file__).resolve().parents[3]
_TABLE = _ROOT.parent / "shared" / "data" / "ehr" / "sepsis2019" / "development.parquet"
_FACTS = {"birth_date", "sex", "admission", "ward"}
_START = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def layout() -> StayTableLayout:
    found = find_bundle("infection_sepsis").clinical.data
    assert isinstance(found, StayTableLayout)
    return found


@pytest.fixture(scope="module")
def spec() -> StayPreprocessing:
    found = find_bundle("infection_sepsis").clinical.preprocessing
    assert isinstance(found, StayPreprocessing)
    return found


def test_every_feature_has_its_column_and_every_measured_concept_can_come_from_a_record(layout, spec):
    for feature in spec.features:
        for concept in {feature.code, feature.ratio_to or feature.code}:
            assert concept in layout.concepts, feature.name
            assert concept in _FACTS or concept in code_map().concepts, feature.name


def test_newest_values_are_in_the_units_of_their_concepts(spec):
    newest = [f for f in spec.features if f.aggregate is Aggregate.LAST and f.ratio_to is None]
    assert newest
    for feature in newest:
        assert feature.unit == code_map().concepts[feature.code].unit, feature.name


def event(kind: EventKind, code: str, hour: float, **told: object) -> Event:
    at = _START + timedelta(hours=hour)
    common = {
        "stay_id": "e",
        "source": f"{code}/{hour}",
        "kind": kind,
        "code": code,
        "event_time": at,
        "known_time": at,
    }
    return Event(**common | told)


def events_of(table, layout: StayTableLayout) -> Stay:
    """The rows of one stay as a record would tell them."""
    first = table.iloc[0]
    admitted = float(first["HospAdmTime"])
    known = {"known_time": _START + timedelta(hours=admitted)}
    events = [
        event(EventKind.ADMISSION, "IMP", admitted),
        event(EventKind.WARD, "ICU", 0),
        event(EventKind.PATIENT, "birth_date", -float(first["Age"]) * 365.25 * 24, **known),
        event(EventKind.PATIENT, "sex", admitted, text="male" if first["Gender"] == 1 else "female"),
    ]
    for concept, place in layout.concepts.items():
        for hour, cell in zip(table["ICULOS"], table[place.column], strict=True):
            if concept not in _FACTS and not np.isnan(cell):
                value = cell * place.factor + place.offset
                low, high = code_map().concepts[concept].possible
                # The door of the record refuses the others.
                if low <= value <= high:
                    events.append(event(EventKind.OBSERVATION, concept, float(hour), value=value))
    return Stay(stay_id="e", patient_id="p", events=tuple(events))


def test_a_live_stay_shows_what_its_rows_in_the_table_show(tmp_path: Path, layout, spec):
    """All features of the bundle, hour by hour, by both ways."""
    table = draw_stay_table(layout, 12, seed=3)
    # Drawn alike for all concepts; only a stay knows when it began, and hours are whole.
    table["HospAdmTime"] = -30.0
    table.to_parquet(tmp_path / "stays.parquet")
    cohort = read_stay_table(tmp_path / "stays.parquet", layout, spec, ["sepsis"])
    chosen = str(cohort.patients[0])
    rows = table[table["stay_id"] == chosen].sort_values("ICULOS")
    stay = events_of(rows, layout)
    expected = [features_as_of(stay, spec, _START + timedelta(hours=float(hour))).values for hour in rows["ICULOS"]]
    age = [number for number, feature in enumerate(spec.features) if feature.aggregate is Aggregate.AGE_YEARS]
    found = cohort.inputs[cohort.patients == chosen]
    # The table knows age in whole years alone, so it does not grow within the stay.
    np.testing.assert_allclose(np.delete(found, age, 1), np.delete(np.array(expected), age, 1), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(found[:, age], np.array(expected)[:, age], atol=0.01)


@pytest.mark.skipif(not _TABLE.is_file(), reason=f"the published table is not there: {_TABLE}")
def test_the_published_table_is_read_in_si_units(tmp_path: Path, layout, spec):
    pandas = pytest.importorskip("pandas")
    whole = pandas.read_parquet(_TABLE)
    first = whole[whole["stay_id"].isin(whole["stay_id"].drop_duplicates()[:600])]
    first.to_parquet(tmp_path / "first.parquet")
    cohort = read_stay_table(tmp_path / "first.parquet", layout, spec, ["sepsis"])
    assert cohort.inputs.shape == (len(first), len(spec.features))
    assert cohort.truths.sum() == first["SepsisLabel"].sum()
    medians = dict(zip((f.name for f in spec.features), np.nanmedian(cohort.inputs, axis=0), strict=True))
    assert medians["creatinine_last"] == pytest.approx(85, rel=0.15)
    assert medians["hemoglobin_last"] == pytest.approx(6.3, rel=0.15)
    assert 55 < medians["age_years"] < 66
    assert hour_utilities(cohort.patients, cohort.truths[:, 0]).is_best.any()
