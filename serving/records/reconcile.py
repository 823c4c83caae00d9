"""Brings spool and tables together after a crash, before the doors open.

The file is what was acknowledged, its row an index of it (decision 0009). A power cut may take rows back whose files
were flushed, and leave files that were not flushed yet and were never acknowledged.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, select, update

from dicom_io.errors import DicomIoError
from dicom_io.headers import read_header
from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import Arrival, Inbox
from dicom_io.receive.spool import Spool
from serving.records.database import reading, writing
from serving.records.schema import INSTANCE, STUDY

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Reconciliation:
    """What was found and mended."""

    #: Files that were never finished, removed.
    unfinished: int = 0
    #: Whole files without a row, recorded now.
    recorded: int = 0
    #: Files without a row that are no whole objects, put aside with those that were refused.
    put_aside: int = 0
    #: Rows whose file is gone or has another size; they no longer count, and the same object sent again is taken anew.
    lost: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether there was nothing to mend."""
        return self == Reconciliation()


def reconcile(engine: Engine, inbox: Inbox, spool: Spool) -> Reconciliation:
    """Mend every difference between the files of *spool* and the rows of *engine*; log how many of each kind."""
    unfinished = spool.discard_partial()
    recorded = put_aside = lost = 0
    for study_uid in _study_uids(engine, spool):
        rows = _rows(engine, spool.root, study_uid)
        files = spool.files(study_uid)
        lost += _retire(engine, [name for name, size in rows.items() if files.get(name) != size], study_uid, spool.root)
        for name in files.keys() - rows.keys():
            if _record(inbox, spool, spool.root / study_uid / name):
                recorded += 1
            else:
                put_aside += 1
    found = Reconciliation(unfinished=unfinished, recorded=recorded, put_aside=put_aside, lost=lost)
    _tell(found)
    return found


def _study_uids(engine: Engine, spool: Spool) -> Iterator[str]:
    on_disk = set(spool.studies())
    yield from on_disk
    with reading(engine) as connection:
        recorded = connection.scalars(select(STUDY.c.study_uid)).all()
    yield from (study_uid for study_uid in recorded if study_uid not in on_disk)


def _rows(engine: Engine, root: Path, study_uid: str) -> dict[str, int]:
    """Sizes of the study's files by name, as recorded; those of another spool are another node's to look after."""
    query = select(INSTANCE.c.path, INSTANCE.c.size_bytes).where(INSTANCE.c.study_uid == study_uid)
    with reading(engine) as connection:
        rows = connection.execute(query).all()
    directory = (root / study_uid).absolute()
    return {Path(row.path).name: row.size_bytes for row in rows if Path(row.path).absolute().parent == directory}


def _retire(engine: Engine, names: list[str], study_uid: str, root: Path) -> int:
    if not names:
        return 0
    paths = {str(parent / study_uid / name) for name in names for parent in (root, root.absolute())}
    of_these = INSTANCE.c.path.in_(paths) & INSTANCE.c.current
    with writing(engine) as connection:
        return int(connection.execute(update(INSTANCE).where(of_these).values(current=False)).rowcount)


def _record(inbox: Inbox, spool: Spool, path: Path) -> bool:
    try:
        header = read_header(path)
    except DicomIoError:
        header = None
    if header is None or not spool.is_whole(path):
        spool.put_aside(path)
        return False
    size = path.stat().st_size
    inbox.land_all([Arrival(path=path, header=header.at(path), digest=digest_of(path), size_bytes=size, source_ae="")])
    return True


def _tell(found: Reconciliation) -> None:
    for count, what, action in (
        (found.unfinished, "unfinished files were removed", "spool_unfinished"),
        (found.recorded, "files without a record were recorded", "spool_recorded"),
        (found.put_aside, "files that are no whole objects were put aside", "spool_put_aside"),
        (found.lost, "recorded objects have lost their files: send them again from their source", "spool_lost"),
    ):
        if count:
            _log.warning("%d %s", count, what, extra={"action": action, "count": count})
