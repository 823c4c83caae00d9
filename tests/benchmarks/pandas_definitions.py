"""Urinary tract infection, edition of 2019, as a plain pandas script would do it: the yardstick of ``bench_stays``."""

import time
from collections.abc import Iterable, Sequence

import pandas as pd

from ehr_io.events import EventKind, Stay
from training.phantoms.region.people import Person

_TWO_DAYS, _MONTH, _LINK = pd.Timedelta(hours=48), pd.Timedelta(days=30), pd.Timedelta(hours=4)


def urinary_cases(people: Iterable[tuple[Person, Sequence[Stay]]]) -> tuple[float, set[str]]:
    """Seconds that the script takes on its tables, and the cases by the source of their culture."""
    stays, cultures = _tables(people)
    began = time.perf_counter()
    stays = stays.sort_values(["patient", "start"])
    gap = stays["start"] - stays.groupby("patient")["end"].shift()
    stays["contact"] = (gap.isna() | (gap > _LINK)).cumsum()
    contacts = stays.groupby("contact").agg(patient=("patient", "first"), start=("start", "min"), end=("end", "max"))
    positive = cultures[(cultures["organisms"].between(1, 2)) & (cultures["cfu"] >= 10_000)]
    positive = positive[(positive["taken"] - positive["born"]) >= pd.Timedelta(days=365.25)]
    new = (
        positive.sort_values(["patient", "taken", "source"])
        .groupby("patient", group_keys=False)[["patient", "source", "taken"]]
        .apply(_episodes)
    )
    joined = new.merge(contacts, on="patient")
    within = (joined["taken"] - joined["start"] >= _TWO_DAYS) & (joined["taken"] - joined["end"] <= _TWO_DAYS)
    found = set(joined.loc[within, "source"])
    return time.perf_counter() - began, found


def _episodes(rows: pd.DataFrame) -> pd.DataFrame:
    kept, began = [], None
    for row in rows.itertuples():
        if began is None or row.taken - began > _MONTH:
            kept.append(row.Index)
            began = row.taken
    return rows.loc[kept]


def _tables(people: Iterable[tuple[Person, Sequence[Stay]]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    stays, cultures = [], []
    for person, told in people:
        for stay in told:
            admission = next(event for event in stay.events if event.kind is EventKind.ADMISSION)
            end = admission.end_time or pd.Timestamp("2100-01-01", tz="UTC")
            stays.append((person.patient_id, admission.event_time, end))
            cultures += [
                (person.patient_id, event.source, event.event_time, len(event.text.split()), event.value, person.born)
                for event in stay.events
                if event.code == "urine_culture"
            ]
    columns = ["patient", "source", "taken", "organisms", "cfu", "born"]
    table = pd.DataFrame(cultures, columns=columns)
    table["born"] = pd.to_datetime(table["born"], utc=True)
    return pd.DataFrame(stays, columns=["patient", "start", "end"]), table
