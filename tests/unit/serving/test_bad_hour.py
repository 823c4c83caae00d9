"""An hour in which one archive is away, one case cannot be read and one model will not take its input.

The clock of the worker is moved; archives and analysis are scripted; the rest is the real thing. What a person sees and
does is the same by command and by page.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from serving.records.database import open_database, reading
from serving.records.migrate import migrate
from serving.records.schema import DELIVERY, WORK_ITEM
from serving.settings.file import Settings
from serving.settings.site import Site as SiteSection
from serving.web.app import web_app
from serving.work.retry import RetryPolicy
from tests.factories.nodes import Node, Site, Way, open_site
from varsel.cli import app

STEP = timedelta(seconds=30)


class Clock(datetime):
    """The wall clock, ahead by what has passed."""

    passed = timedelta()

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime.now(tz) + cls.passed


@dataclass(frozen=True, kw_only=True)
class Hour:
    """The site, its one node, and what a person works with."""

    site: Site
    settings: Path
    page: TestClient

    @property
    def node(self) -> Node:
        return self.site.nodes[0]

    def pass_time(self, whole: timedelta) -> None:
        for _ in range(whole // STEP):
            Clock.passed += STEP
            self.node.work()

    def states(self) -> dict[str, str]:
        with reading(self.site.engine) as connection:
            return {row.case_id: row.state for row in connection.execute(select(WORK_ITEM))}

    def sent(self, case: str) -> dict[str, tuple[str, int]]:
        """Destination -> state and tries."""
        mine = select(DELIVERY).join(WORK_ITEM).where(WORK_ITEM.c.case_id == case)
        with reading(self.site.engine) as connection:
            return {row.destination: (row.state, row.attempts) for row in connection.execute(mine)}

    def command(self, *arguments: str) -> Result:
        return CliRunner().invoke(app, ["--settings", str(self.settings), "work", *arguments])

    def listed(self, *arguments: str) -> dict[str, str]:
        told = json.loads(self.command("list", "--json", *arguments).stdout)["work"]
        return {one["case_id"]: one["reason"] for one in told}


@pytest.fixture
def hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hour]:
    monkeypatch.setattr(Clock, "passed", timedelta())
    for module in ("serving.worker", "serving.work.dispatcher", "serving.work.starter", "serving.deliver"):
        monkeypatch.setattr(f"{module}.datetime", Clock)
    engine = open_database(f"sqlite:///{tmp_path / 'varsel.db'}")
    migrate(engine)
    site = open_site(tmp_path, ["node-1"], engine)
    # As shipped: 2 s, doubling up to 5 minutes, about a day.
    site.retry = RetryPolicy(first_seconds=2, ceiling_seconds=300, maximum_attempts=300)
    site.nodes[0].start()
    settings = tmp_path / "varsel.toml"
    settings.write_text(f"[site]\nlanguage = 'en'\ndata_dir = {json.dumps(str(tmp_path))}\n")
    pages = web_app(engine, Settings(site=SiteSection(data_dir=tmp_path, language="en")))
    with TestClient(pages, headers={"Accept-Language": "en"}, follow_redirects=False) as page:
        yield Hour(site=site, settings=settings, page=page)
    engine.dispose()


def test_an_archive_that_is_away_for_an_hour_gets_everything_once_and_nothing_else_waits_for_it(hour: Hour):
    hour.site.archives["pacs"].is_down = True
    for case in ("early", "middle", "late"):
        hour.site.queue(case, 1)
        hour.pass_time(timedelta(minutes=20))
    assert {hour.sent(case)["blind"] for case in ("early", "middle", "late")} == {("accepted", 1)}
    assert hour.states() == dict.fromkeys(("early", "middle", "late"), "delivering")
    assert hour.listed("--destination", "pacs").keys() == {"early", "middle", "late"}
    assert "nobody answers" in hour.page.get("/queue").text
    tries = hour.sent("early")["pacs"][1]
    # 2 + 4 + ... + 256 seconds, then each 5 minutes, looked at each half minute.
    assert 10 <= tries <= 25

    hour.site.archives["pacs"].is_down = False
    hour.pass_time(timedelta(minutes=5))

    assert hour.states() == dict.fromkeys(("early", "middle", "late"), "done")
    assert hour.listed() == {}
    assert "Nothing waits" in hour.page.get("/queue").text
    assert len(hour.site.archives["pacs"].held) == 6


def test_what_will_not_pass_is_put_aside_at_once_with_its_reason_and_other_work_goes_on(hour: Hour):
    poison, unfit = hour.site.queue("poison", 1), hour.site.queue("unfit", 1)
    hour.site.ways = {poison: Way.BROKEN, unfit: Way.REFUSED}
    hour.site.queue("sound", 1)
    hour.pass_time(STEP)

    assert hour.states() == {"poison": "failed", "unfit": "failed", "sound": "done"}
    reasons = hour.listed("--state", "failed")
    assert "an unexpected ValueError" in reasons["poison"]
    assert reasons["unfit"] == "the model takes 1 channel, 3 were given"
    assert "the model takes 1 channel" in hour.page.get(f"/queue/{unfit}").text
    assert "attempt 1" in hour.command("show", poison).output


def test_what_was_mended_is_tried_again_by_command_and_by_page(hour: Hour):
    items = [hour.site.queue(case, 1) for case in ("by-command", "by-page")]
    hour.site.ways = dict.fromkeys(items, Way.BROKEN)
    hour.pass_time(STEP)
    hour.site.ways = {}

    assert hour.command("retry", items[0]).exit_code == 0
    assert hour.page.post(f"/queue/{items[1]}/retry", data={"actor": "KM"}).status_code == 303
    hour.pass_time(STEP)

    assert hour.states() == {"by-command": "done", "by-page": "done"}
    assert datetime.now(UTC) < Clock.now(UTC)
