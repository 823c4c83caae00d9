"""One look tells which kinds of work wait."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from pydicom.dataset import Dataset
from sqlalchemy import Engine

from dicom_io.receive.inbox import Landing
from models.folder_store import FolderStore
from serving.intake import Intake
from serving.records import outlook, work
from serving.records.database import reading, writing
from serving.records.outlook import Outlook
from serving.settings.file import Rule
from tests.factories.dicom import cr_image

RULE = Rule(name="chest", model="chest_xray_opacity", modalities=("CR",))


def look(engine: Engine) -> Outlook:
    with reading(engine) as connection:
        return outlook.look(connection, datetime.now(UTC))


def test_nothing_waits_in_an_empty_house(engine: Engine):
    assert look(engine) == Outlook(cases=False, items=False, deliveries=False)


def test_a_study_waits_until_it_is_taken(engine: Engine, land: Callable[[Dataset], Landing], tmp_path):
    land(cr_image())
    assert look(engine) == Outlook(cases=True, items=False, deliveries=False)

    Intake(engine, FolderStore(tmp_path / "releases"), (RULE,)).take_due()

    # No such model is here: the case has failed, with its reason, and nothing waits.
    assert look(engine) == Outlook(cases=False, items=False, deliveries=False)


def test_an_item_waits_until_it_is_claimed(engine: Engine):
    now = datetime.now(UTC)
    with writing(engine) as connection:
        values = {
            "kind": "imaging",
            "case_id": "2.25.1",
            "generation": 1,
            "rule": "chest",
            "model": "chest_xray_opacity",
        }
        places = {"model_version": "1", "release_digest": "ab", "priority": 2, "state": "queued", "sender": "CT1"}
        times = {"not_before": now, "created_at": now, "input_at": now - timedelta(seconds=1)}
        work.add_item(connection, {"id": "2.25.2", **values, **places, **times})
    assert look(engine).items

    with writing(engine) as connection:
        assert len(work.claim_items(connection, "node-1", 1, now)) == 1

    assert not look(engine).items
