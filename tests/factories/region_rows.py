"""The stays of a synthetic region as rows of a database, as if its feed had been taken."""

from sqlalchemy import Connection, insert

from ehr_io.events import Event
from serving.records.schema import EVENT, STAY
from training.phantoms.region.region import Region, moment
from training.phantoms.region.told import region_stays


def fill_region(connection: Connection, region: Region) -> None:
    """Every stay of *region* with its events."""
    stays, events = [], []
    until = moment(region.until)
    for _, told in region_stays(region):
        for stay in told:
            kept = {"stay_id": stay.stay_id, "patient_id": stay.patient_id, "patient_name": "", "ward": ""}
            stays.append(kept | {"generation": 0, "known_until": until})
            events += [
                {name: getattr(event, name) for name in Event.__dataclass_fields__} | {"kind": event.kind.value}
                for event in stay.events
            ]
    connection.execute(insert(STAY), stays)
    connection.execute(insert(EVENT), events)
