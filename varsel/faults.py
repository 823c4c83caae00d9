"""What ``varsel check`` can find, and the looks at it: each gives back faults, none raises them."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from varsel.destination_faults import destination_faults
from varsel.fault import Fault, Weight
from varsel.ports import port_faults

if TYPE_CHECKING:
    from serving.settings.file import Rule, Settings

_MIB = 1024 * 1024


def find_faults(settings: "Settings") -> Iterator[Fault]:
    """Everything that would keep a site with *settings* from working, cheapest looks first."""
    unusable = list(_directory_faults(settings))
    yield from unusable
    yield from port_faults(settings)
    yield from _door_tls_faults(settings)
    yield from _space_faults(settings)
    if not unusable:
        yield from _database_faults(settings)
        yield from _release_faults(settings)
    yield from destination_faults(settings)


def _directory_faults(settings: "Settings") -> Iterator[Fault]:
    for where, directory in (("site.data_dir", settings.site.data_dir), ("models.store_dir", settings.store_dir)):
        existing = _nearest_existing(directory)
        if not existing.is_dir():
            yield Fault(weight=Weight.FAULT, where=where, what=f"'{existing}' is no directory; name another path")
        elif not _is_writable(existing):
            yield Fault(
                weight=Weight.FAULT,
                where=where,
                what=f"'{existing}' cannot be written to by this user; change its owner or name another path",
            )


def _nearest_existing(path: Path) -> Path:
    path = path.absolute()
    while not _is_there(path) and path != path.parent:
        path = path.parent
    return path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        # In a directory that this user may not look into.
        return False


def _is_writable(directory: Path) -> bool:
    # os.access says yes to root on a read-only mount; only writing tells.
    try:
        with tempfile.TemporaryFile(dir=directory):
            return True
    except OSError:
        return False


def _door_tls_faults(settings: "Settings") -> Iterator[Fault]:
    from dicom_io.errors import TlsFilesError
    from dicom_io.tls import server_context

    if settings.receive.tls.files is None:
        return
    try:
        server_context(settings.receive.tls.files)
    except TlsFilesError as error:
        yield Fault(weight=Weight.FAULT, where="receive.tls", what=str(error))


def _space_faults(settings: "Settings") -> Iterator[Fault]:
    free_mib = shutil.disk_usage(_nearest_existing(settings.site.data_dir)).free // _MIB
    required_mib = settings.receive.minimum_free_mib
    if free_mib < required_mib:
        yield Fault(
            weight=Weight.FAULT,
            where="receive.minimum_free_mib",
            what=f"{free_mib} MiB are free at '{settings.site.data_dir}', required are {required_mib}: every object "
            "would be refused with status A700; free some space, or lower the limit",
        )


def _database_faults(settings: "Settings") -> Iterator[Fault]:
    from sqlalchemy import make_url

    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        # It is made when first used.
        return
    # Never the whole URL: it may hold a password.
    place = f"{url.host}:{url.port or 5432}/{url.database}" if url.host else url.database
    weight, problem = _why_not_used(settings.database_url)
    if problem:
        yield Fault(weight=weight, where="site.database_url", what=f"'{place}': {problem}")


def _why_not_used(url: str) -> tuple[Weight, str]:
    from serving.errors import DatabaseDownError, NewerTablesError
    from serving.records.database import open_database
    from serving.records.migrate import Tables, demand_no_newer, tables_of

    engine = open_database(url)
    try:
        tables = tables_of(engine)
        demand_no_newer(tables)
    except DatabaseDownError as error:
        return Weight.FAULT, f"{error}; see that it is a database, and check address, user and password"
    except NewerTablesError as error:
        return Weight.FAULT, str(error)
    finally:
        engine.dispose()
    older = "its tables are of an earlier version: the next start upgrades them; back them up first"
    return Weight.WARNING, older if tables is Tables.OLDER else ""


def _release_faults(settings: "Settings") -> Iterator[Fault]:
    from models.errors import ModelError
    from models.folder_store import FolderStore
    from serving.errors import NotAnalysedError
    from serving.guard import find_guard

    if not settings.rules:
        yield Fault(
            weight=Weight.WARNING, where="rules", what="there are none: everything received ends as not analysed"
        )
    store = FolderStore(settings.store_dir)
    for rule in settings.rules:
        try:
            release = store.resolve(rule.model, rule.alias)
            find_guard(store, release.manifest)
        except (ModelError, NotAnalysedError) as error:
            yield Fault(weight=Weight.FAULT, where=f"rules.{rule.name}", what=str(error))
        else:
            yield from _misfits(rule, release.manifest.task.value)
            if rule.kind == "stay" and not release.manifest.limits.trained_ranges:
                what = (
                    f"release {release.digest[:12]} of '{rule.model}' does not state which values it was trained on: "
                    "a stay far from them is scored like any other; a release that is packaged anew states them"
                )
                yield Fault(weight=Weight.WARNING, where=f"rules.{rule.name}.model", what=what)


def _misfits(rule: "Rule", task: str) -> Iterator[Fault]:
    reads = "stay" if task == "stay_risk" else "imaging"
    if rule.kind != reads:
        yield Fault(
            weight=Weight.FAULT,
            where=f"rules.{rule.name}.kind",
            what=f"is '{rule.kind}', but model '{rule.model}' reads {reads}; write kind = \"{reads}\"",
        )
