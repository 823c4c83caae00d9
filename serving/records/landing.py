"""What one arrival does to the tables: the study it belongs to is open, and its bytes are the ones that count."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Dialect, bindparam, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from dicom_io.errors import InboxUnavailableError
from dicom_io.headers import dump_header
from dicom_io.receive.digests import earlier_digest_of
from dicom_io.receive.inbox import Arrival, Landing
from serving.records.prepared import Prepared
from serving.records.schema import INSTANCE, RESULT, STUDY

#: Modalities of objects about images: nothing in them is for a model to read.
_NEVER_READ = frozenset({"KO", "PR", "SEG", "SR"})
#: Studies that are remembered; more than are ever sent at one time.
_MAXIMUM_REMEMBERED = 256

_INSTANCE_COLUMNS = [column for column in INSTANCE.columns if column.name != "id"]
_UID = bindparam("sop_instance_uid", type_=INSTANCE.c.sop_instance_uid.type)
_INSERT_IF_NEW = (
    insert(INSTANCE)
    .from_select(
        [column.name for column in _INSTANCE_COLUMNS],
        select(*(bindparam(column.name, type_=column.type) for column in _INSTANCE_COLUMNS)).where(
            ~exists().where(INSTANCE.c.sop_instance_uid == _UID)
        ),
    )
    .returning(INSTANCE.c.id)
)
_TOUCH_FIRST_GENERATION = (
    update(STUDY)
    .where(STUDY.c.study_uid == bindparam("of_study"), STUDY.c.generation == 0)
    .values(last_arrival_at=bindparam("arrived_at"), due_at=bindparam("until"))
)

_DIGESTS = select(INSTANCE.c.digest, INSTANCE.c.current).where(INSTANCE.c.sop_instance_uid == _UID)

#: What a study's row says of it, as far as one arrival tells.
_Description = tuple[str, ...]


class FirstGenerations:
    """Remembers what was written of studies that were never closed.

    Nearly every arrival is a new instance of such a study and says of it what the one before said: two statements
    then do for five. They check what was remembered, so that another process may close the study at any time.
    """

    def __init__(self, dialect: Dialect) -> None:
        """Remember nothing yet; speak to a database of *dialect*."""
        self._insert_if_new = Prepared(_INSERT_IF_NEW, dialect)
        self._touch = Prepared(_TOUCH_FIRST_GENERATION, dialect)
        self._descriptions: dict[str, _Description] = {}

    def know(self, arrivals: Sequence[Arrival]) -> bool:
        """Whether all *arrivals* say of their studies what was written of them."""
        return all(self._descriptions.get(one.header.study_instance_uid) == _describe(one) for one in arrivals)

    def land(self, driver: Any, arrivals: Sequence[Arrival], now: datetime, due_at: datetime | None) -> bool:
        """Write *arrivals* as new ones of known studies, whose generation closes at *due_at*.

        False when one is not new, or a study was closed meanwhile; then nothing of it may be committed.
        """
        return all(self._land(driver, one, now, due_at) for one in arrivals)

    def _land(self, driver: Any, arrival: Arrival, now: datetime, due_at: datetime | None) -> bool:
        if self._insert_if_new.execute(driver, _instance_values(arrival, now)).fetchone() is None:
            return False
        touch = {"of_study": arrival.header.study_instance_uid, "arrived_at": now, "until": due_at}
        return bool(self._touch.execute(driver, touch).rowcount)

    def remember(self, arrivals: Sequence[Arrival], landings: Sequence[Landing]) -> None:
        """Note what was committed; never before, or a study that was rolled back would be taken for known."""
        if len(self._descriptions) > _MAXIMUM_REMEMBERED:
            self._descriptions.clear()
        for arrival, landing in zip(arrivals, landings, strict=True):
            if landing is Landing.NEW:
                self._descriptions[arrival.header.study_instance_uid] = _describe(arrival)


def _describe(arrival: Arrival) -> _Description:
    return (*_study_values(arrival).values(), arrival.header.modality)


def land(connection: Connection, arrival: Arrival, now: datetime, due_at: datetime | None) -> Landing:
    """Write what *arrival* means, whatever was there before; an open generation closes at *due_at*."""
    uid = arrival.header.instance.sop_instance_uid
    known = {row.digest: row.current for row in connection.execute(_DIGESTS, {"sop_instance_uid": uid})}
    landing = _landing_of(arrival, known)
    if landing is not Landing.SAME:
        _touch_study(connection, arrival, now, due_at)
    if not known.get(arrival.digest):
        _keep_instance(connection, arrival, now)
    if landing is Landing.REPLACED and not arrival.path.exists():
        # The same bytes were being cleared away when they came again, and their file went with the old one.
        raise InboxUnavailableError("the object was cleared away as it came; send it again")
    return landing


def _landing_of(arrival: Arrival, known: Mapping[str, bool]) -> Landing:
    """By the digests that are *known* of its SOP Instance UID, and whether the bytes behind each count."""
    if not known:
        return Landing.NEW
    current = {digest for digest, is_current in known.items() if is_current}
    if arrival.digest in current or (current and earlier_digest_of(arrival.path) in current):
        return Landing.SAME
    return Landing.REPLACED


def _keep_instance(connection: Connection, arrival: Arrival, now: datetime) -> None:
    """The newest bytes count; older ones under the same UID stay on disk and in the table."""
    uid = arrival.header.instance.sop_instance_uid
    values = _instance_values(arrival, now)
    connection.execute(update(INSTANCE).where(INSTANCE.c.sop_instance_uid == uid).values(current=False))
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    connection.execute(
        dialect.insert(INSTANCE)
        .values(**values)
        .on_conflict_do_update(index_elements=["sop_instance_uid", "digest"], set_=values)
    )


def _touch_study(connection: Connection, arrival: Arrival, now: datetime, due_at: datetime | None) -> None:
    header = arrival.header
    known = connection.execute(
        select(STUDY.c.modalities, STUDY.c.generation).where(STUDY.c.study_uid == header.study_instance_uid)
    ).one_or_none()
    values: dict[str, object] = {**_study_values(arrival), "last_arrival_at": now, "cleared_at": None}
    if known is None:
        first = {"generation": 0, "first_arrival_at": now, "due_at": due_at, "modalities": header.modality}
        connection.execute(insert(STUDY).values(study_uid=header.study_instance_uid, **first, **values))
        return
    if _opens_a_generation(connection, arrival, known.generation):
        values["due_at"] = due_at
    values["modalities"] = "\\".join(sorted({*known.modalities.split("\\"), header.modality} - {""}))
    connection.execute(update(STUDY).where(STUDY.c.study_uid == header.study_instance_uid).values(**values))


def _opens_a_generation(connection: Connection, arrival: Arrival, closed_generations: int) -> bool:
    """Whether *arrival* gives a model something new to read.

    An archive may forward our own results, or reports, back to us; without this rule each would start another
    analysis, whose result would come back again.
    """
    if closed_generations == 0:
        return True
    instance = arrival.header.instance
    ours = connection.scalar(select(exists().where(RESULT.c.sop_instance_uid == instance.sop_instance_uid)))
    return instance.has_pixels and arrival.header.modality not in _NEVER_READ and not ours


def _study_values(arrival: Arrival) -> dict[str, str]:
    header = arrival.header
    return {
        "patient_id": header.patient_id,
        "patient_name": header.patient_name,
        "accession_number": header.accession_number,
        "study_date": header.study_date,
        "description": header.study_description,
        "source_ae": arrival.source_ae,
    }


def _instance_values(arrival: Arrival, now: datetime) -> dict[str, object]:
    return {
        "study_uid": arrival.header.study_instance_uid,
        "sop_instance_uid": arrival.header.instance.sop_instance_uid,
        "digest": arrival.digest,
        "path": str(arrival.path),
        "size_bytes": arrival.size_bytes,
        "source_ae": arrival.source_ae,
        "received_at": now,
        "header": dump_header(arrival.header),
        "current": True,
        "cleared_at": None,
    }
