"""What a FHIR Bundle said, as the value that every door hands on."""

from collections import defaultdict
from datetime import datetime

from ehr_io.events import Event, EventKind
from ehr_io.receive.reading import BundleReading
from ehr_io.told import Telling, Told


def told_by(reading: BundleReading, received_at: datetime) -> Told:
    """*reading*, source by source; who a patient is goes by the patient, not by one of his stays."""
    by_source: dict[str, list[Event]] = defaultdict(list)
    for event in reading.events:
        if event.kind is not EventKind.PATIENT:
            by_source[event.source].append(event)
    told = [
        Telling(
            source=source,
            stay_id=events[0].stay_id,
            told_at=reading.told_at.get(source, received_at),
            events=tuple(events),
            patient_id=reading.subjects.get(source, ""),
        )
        for source, events in by_source.items()
    ]
    withdrawn = [
        Telling(source=source, stay_id="", told_at=reading.told_at.get(source, received_at))
        for source in reading.retracted
    ]
    return Told(
        door="fhir",
        owners={stay.stay_id: stay.patient_id for stay in reading.stays},
        tellings=(*told, *withdrawn),
        patients=reading.patients,
        merges=reading.merges,
        refusals=reading.refusals,
        is_whole=reading.bundle_type == "transaction",
    )
