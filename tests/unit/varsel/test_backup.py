"""A site's state in one file: whole or refused, never half."""

import tarfile
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from serving.errors import SnapshotError
from serving.records.database import open_database, reading, writing
from serving.records.migrate import migrate
from serving.records.schema import REFUSAL
from serving.settings.file import Settings
from serving.settings.site import Site
from varsel.backup import restore_backup, take_backup

Damage = Callable[[Path], None]


def quiet(count: int) -> None:
    del count


def settings_at(home: Path) -> Settings:
    return Settings(site=Site(data_dir=home))


def site_with_a_refusal(home: Path) -> Settings:
    """A site that has kept one file, with a row that names it."""
    kept = home / "spool" / "refused" / "one.bin"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"what came")
    (home / "logs").mkdir()
    (home / "logs" / "work.log").write_text("a line")
    settings = settings_at(home)
    engine = open_database(settings.database_url)
    migrate(engine)
    row = {"at": datetime.now(UTC), "door": "dicom", "reason_code": "no", "reason": "no", "source": "S"}
    with writing(engine) as connection:
        connection.execute(insert(REFUSAL).values(path=str(kept), **row))
    engine.dispose()
    return settings


def named_paths(settings: Settings) -> list[str]:
    engine = open_database(settings.database_url)
    with reading(engine) as connection:
        found = list(connection.scalars(select(REFUSAL.c.path)))
    engine.dispose()
    return found


def test_a_restored_site_has_its_rows_and_files_where_its_settings_say(tmp_path: Path):
    first = site_with_a_refusal(tmp_path / "first")
    taken = take_backup(first, tmp_path / "backup.tar", quiet)

    second = settings_at(tmp_path / "elsewhere" / "second")
    put_back = restore_backup(second, tmp_path / "backup.tar", quiet)

    (path,) = named_paths(second)
    assert path == str(second.site.data_dir / "spool" / "refused" / "one.bin")
    assert Path(path).read_bytes() == b"what came"
    assert put_back.digests == taken.digests
    assert not (second.site.data_dir / "logs").exists()


def test_a_backup_is_never_written_over(tmp_path: Path):
    settings = site_with_a_refusal(tmp_path / "site")
    (tmp_path / "backup.tar").write_bytes(b"an older one")
    with pytest.raises(SnapshotError, match="exists already"):
        take_backup(settings, tmp_path / "backup.tar", quiet)
    assert (tmp_path / "backup.tar").read_bytes() == b"an older one"


def test_a_backup_without_a_file_that_the_database_names_is_not_made(tmp_path: Path):
    settings = site_with_a_refusal(tmp_path / "site")
    (tmp_path / "site" / "spool" / "refused" / "one.bin").unlink()
    with pytest.raises(SnapshotError, match="1 files that the database speaks of"):
        take_backup(settings, tmp_path / "backup.tar", quiet)
    assert list(tmp_path.glob("*.tar*")) == []


def test_a_site_that_never_ran_has_nothing_to_back_up(tmp_path: Path):
    with pytest.raises(SnapshotError, match="there is no database"):
        take_backup(settings_at(tmp_path / "site"), tmp_path / "backup.tar", quiet)


def test_nothing_is_restored_over_a_site(tmp_path: Path):
    settings = site_with_a_refusal(tmp_path / "site")
    take_backup(settings, tmp_path / "backup.tar", quiet)
    with pytest.raises(SnapshotError, match="is not empty"):
        restore_backup(settings, tmp_path / "backup.tar", quiet)


def test_a_database_that_holds_something_is_found_before_any_file_is_put_in_place(tmp_path: Path):
    settings = site_with_a_refusal(tmp_path / "site")
    take_backup(settings, tmp_path / "backup.tar", quiet)
    home = tmp_path / "second"
    second = Settings(site=Site(data_dir=home, database_url=settings.database_url))

    with pytest.raises(SnapshotError, match="there is a database at"):
        restore_backup(second, tmp_path / "backup.tar", quiet)

    assert not home.exists()


def test_a_restore_writes_nowhere_but_into_the_data_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Of a container or a service it is a disk of its own, and the only place that its user may write to."""
    take_backup(site_with_a_refusal(tmp_path / "site"), tmp_path / "backup.tar", quiet)
    second = settings_at(tmp_path / "second")
    second.site.data_dir.mkdir()
    made: list[Path] = []
    really_make = tempfile.mkdtemp
    monkeypatch.setattr(tempfile, "mkdtemp", lambda *given: made.append(Path(really_make(*given))) or str(made[-1]))

    restore_backup(second, tmp_path / "backup.tar", quiet)

    assert [path.parent for path in made] == [second.site.data_dir]
    assert sorted(path.name for path in second.site.data_dir.iterdir()) == ["spool", "varsel.db"]


def other_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    place = data.index(b"what came")
    data[place] = ord("W")
    path.write_bytes(data)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def not_ours(path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        tar.add(Path(__file__), "files/test.py")


@pytest.mark.parametrize("damage", [other_byte, cut_short, not_ours])
def test_a_damaged_backup_is_refused_and_nothing_is_put_in_place(damage: Damage, tmp_path: Path):
    settings = site_with_a_refusal(tmp_path / "site")
    backup = tmp_path / "backup.tar"
    take_backup(settings, backup, quiet)
    damage(backup)

    with pytest.raises(SnapshotError, match=r"damaged|not a whole backup"):
        restore_backup(settings_at(tmp_path / "second"), backup, quiet)

    assert list((tmp_path / "second").iterdir()) == []


def test_a_member_that_would_leave_the_directory_is_refused(tmp_path: Path):
    backup = tmp_path / "backup.tar"
    with tarfile.open(backup, "w") as tar:
        tar.add(Path(__file__), "files/../../outside.py")
    with pytest.raises(SnapshotError, match="not a whole backup"):
        restore_backup(settings_at(tmp_path / "deep" / "second"), backup, quiet)
    assert not (tmp_path / "outside.py").exists()
