"""The public demo of MIMIC-III from its tables to the pages: real admissions, real cultures."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from ehr_io.events import EventKind
from ehr_io.mimic3 import Mimic3
from ehr_io.told import Told
from serving.records.database import reading, writing
from serving.records.stay_intake import keep_told
from serving.surveillance import queries
from serving.surveillance.refresh import refresh
from serving.web.app import web_app
from tests.factories.cases import empty_site

ROOT = Path(__file__).parents[4]
REAL = ROOT.parent / "shared" / "data" / "ehr" / "mimic3_demo"
#: The demo's dates are shifted into the next two centuries.
NOW = datetime(2210, 1, 1, tzinfo=UTC)
BACTERAEMIA = "haiba-bacteraemia"


@pytest.mark.skipif(not REAL.is_dir(), reason="the MIMIC-III demo is not beside this repository")
def test_a_bacteraemia_of_the_real_demo_is_shown_with_its_reason_and_its_stay(tmp_path: Path):
    engine, settings = empty_site(tmp_path)
    with writing(engine) as connection:
        keep_told(connection, [_without_measurements(told) for told in Mimic3(directory=REAL).tell()], NOW)
    assert refresh(engine, NOW, draws=1).cases >= 2
    with reading(engine) as connection:
        case = queries.kept_cases(connection, BACTERAEMIA, "2019")[0]

    with TestClient(web_app(engine, settings), headers={"Accept-Language": "en"}) as client:
        page = client.get(f"/surveillance/cases/{quote(case.id)}")
        stay = client.get(f"/stays/{quote(case.stay_id)}")
    engine.dispose()
    assert (page.status_code, stay.status_code) == (200, 200)
    assert "because" in page.text
    assert case.unit in stay.text


def _without_measurements(told: Told) -> Told:
    """*told* without blood tests and the like, which no definition reads and of which there are thousands."""
    facts = [one for one in told.tellings if any(event.kind is not EventKind.OBSERVATION for event in one.events)]
    return replace(told, tellings=tuple(facts), refusals=())
