"""A site's database in a temporary directory, and arrivals for it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from sqlalchemy import Engine

from dicom_io.headers import read_header
from dicom_io.receive.completion import CompletionPolicy
from dicom_io.receive.digests import digest_of
from dicom_io.receive.inbox import Arrival, Landing
from serving.records.database import open_database
from serving.records.inbox import DatabaseInbox
from serving.records.migrate import migrate


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database with all tables."""
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def inbox(engine: Engine) -> DatabaseInbox:
    """An inbox whose studies fall due at once."""
    return DatabaseInbox(engine, CompletionPolicy(quiet_seconds=0, quiet_after_release_seconds=0))


@pytest.fixture
def land(inbox: DatabaseInbox, tmp_path: Path) -> Callable[[Dataset], Landing]:
    """Lands a dataset in the inbox, as the neck would."""
    count = 0

    def land_one(dataset: Dataset) -> Landing:
        nonlocal count
        count += 1
        path = tmp_path / f"arrival-{count}.dcm"
        dataset.save_as(path, enforce_file_format=True)
        size = path.stat().st_size
        header = read_header(path).at(path)
        return inbox.land(
            Arrival(path=path, header=header, digest=digest_of(path), size_bytes=size, source_ae="SENDER")
        )

    return land_one
