"""Once an admission is cancelled, the ward list, FHIR and CDS Hooks say nothing of it any more."""

from pathlib import Path

from sqlalchemy import update
from starlette.testclient import TestClient

from models.folder_store import FolderStore
from serving.records.database import reading, writing
from serving.records.schema import STAY
from serving.records.stays import StayStatus
from serving.web.app import web_app
from serving.web.risks import DatabaseRisks
from serving.web.stay_queries import ward_list
from tests.factories.cases import filled_site


def test_a_risk_of_a_cancelled_admission_is_not_told(tmp_path: Path):
    engine, settings = filled_site(tmp_path)
    risks = DatabaseRisks(engine, FolderStore(settings.store_dir))
    with reading(engine) as connection:
        assert "stay-9" in {row.risk.stay_id for row in ward_list(connection)}

    with writing(engine) as connection:
        cancelled = update(STAY).where(STAY.c.stay_id == "stay-9").values(status=StayStatus.CANCELLED.value)
        connection.execute(cancelled)

    with reading(engine) as connection:
        assert "stay-9" not in {row.risk.stay_id for row in ward_list(connection)}
    assert risks.latest_for_stay("stay-9") is None
    with TestClient(web_app(engine, settings)) as client:
        assert "P-stay-9" not in client.get("/stays").text
    engine.dispose()
