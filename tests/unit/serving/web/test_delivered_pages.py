"""What a case's page says of how its result went out."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select, update
from starlette.testclient import TestClient

from serving.records.database import writing
from serving.records.schema import DELIVERY
from serving.web.app import web_app
from tests.factories.cases import filled_site


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "<b>pacs</b> withdrawal: queued"), ("da", "<b>pacs</b> tilbagetrækning: i kø")],
)
def test_a_withdrawal_is_told_apart_from_the_result_and_a_fallback_gives_its_reason(
    tmp_path: Path, language: str, words: str
):
    engine, settings = filled_site(tmp_path)
    mine = (DELIVERY.c.work_item_id == "w-1-1") & (DELIVERY.c.destination == "pacs")
    with writing(engine) as connection:
        connection.execute(update(DELIVERY).where(mine).values(reason="SR was refused, so SC alone tells the result"))
        row = dict(connection.execute(select(DELIVERY).where(mine)).mappings().one())
        withdrawal = {"id": "w-1-1-withdrawal", "purpose": "withdrawal", "state": "queued", "reason": ""}
        connection.execute(insert(DELIVERY).values(row | withdrawal))

    with TestClient(web_app(engine, settings), headers={"Accept-Language": language}) as client:
        case, cases = client.get("/cases/w-1-1").text, client.get("/").text
    engine.dispose()

    assert words in " ".join(case.split())
    assert "SR was refused, so SC alone tells the result" in cases
