"""The pages in a real browser: drawn, live, reachable by keyboard, without a word from the console."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import Engine, update

from serving.records.database import writing
from serving.records.schema import RISK, WORK_ITEM
from serving.web.app import web_app
from tests.factories.cases import START, filled_site

#: After every score of the site.
LATER = START + timedelta(days=9)


class Site:
    """The pages on a port that the kernel gave."""

    def __init__(self, directory: Path) -> None:
        self.engine: Engine
        self.engine, settings = filled_site(directory)
        config = uvicorn.Config(
            web_app(self.engine, settings), port=0, access_log=False, log_config=None, timeout_graceful_shutdown=1
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)

    def start(self) -> str:
        self.thread.start()
        while not self.server.started:
            self.thread.join(0.01)
        return f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)
        self.engine.dispose()


def _is_of_a_stop(line: str) -> bool:
    """A stopped server is told on the console, by the browser and by htmx."""
    told = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE_CHUNKED_ENCODING", "ERR_NETWORK_IO_SUSPENDED")
    return line.startswith("htmx:") or any(code in line for code in told)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    if site.thread.is_alive():
        site.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if "127.0.0.1" not in request.url else None)
    yield page
    context.close()
    # A stopped server is told on the console, by the browser and by htmx; nothing else may be, least of all a violated
    # content policy or another host.
    assert [line for line in said if not _is_of_a_stop(line)] == []


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/cases/w-1-1",
        "/stays",
        "/stays/stay-9",
        "/surveillance",
        "/surveillance/haiba-urinary-tract-infection",
        "/surveillance/haiba-urinary-tract-infection/editions",
        "/surveillance/report.html?month=2026-02",
        "/refusals",
        "/queue",
        "/queue/w-3-1",
    ],
)
def test_a_page_draws_without_a_word_on_the_console(site: Site, page: Page, path: str):
    page.goto(site.start() + path)
    expect(page.locator("h1")).to_be_visible()


def test_the_finding_is_drawn_on_its_image(site: Site, page: Page):
    page.goto(site.start() + "/cases/w-1-1")
    image = page.get_by_role("img", name="The image that was analysed")
    expect(image).to_be_visible()
    assert image.evaluate("image => image.naturalWidth") == 560


def test_the_list_shows_what_changed_by_itself_and_keeps_the_focus(site: Site, page: Page):
    page.goto(site.start())
    link = page.locator("#case-w-6-1")
    expect(page.locator("tr", has=link)).to_contain_text("In work")
    link.focus()
    with writing(site.engine) as connection:
        connection.execute(
            update(WORK_ITEM).where(WORK_ITEM.c.id == "w-6-1").values(state="done", outcome="no_finding", timings={})
        )
    expect(page.locator("tr", has=link)).to_contain_text("No finding")
    assert page.evaluate("document.activeElement.id") == "case-w-6-1"


def test_the_list_is_filtered_while_one_types(site: Site, page: Page):
    page.goto(site.start())
    page.get_by_label("Search").press_sequentially("poulsen")
    expect(page.locator("table.list tbody tr")).to_have_count(1)
    expect(page.locator("table.list")).to_contain_text("Poulsen, Ida")


def test_a_case_is_reached_by_keyboard_alone(site: Site, page: Page):
    page.goto(site.start())
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id").startswith("case-"):
            break
    page.keyboard.press("Enter")
    expect(page.get_by_text("About the model")).to_be_visible()


def test_the_page_says_when_it_has_lost_its_server(site: Site, page: Page):
    page.goto(site.start())
    expect(page.locator("#connection")).to_be_hidden()
    site.stop()
    expect(page.locator("#connection")).to_be_visible(timeout=10_000)


def test_the_ward_list_shows_a_new_score_by_itself_and_keeps_the_focus(site: Site, page: Page):
    page.goto(site.start() + "/stays?ward=K1")
    risk = page.locator("#stay-stay-2 .huge")
    expect(risk).to_have_text("4.3 %")
    seen = page.locator("#stay-stay-2 summary").first
    seen.focus()
    with writing(site.engine) as connection:
        connection.execute(update(RISK).where(RISK.c.stay_id == "stay-2").values(probability=0.5, as_of=LATER))
    expect(risk).to_have_text("50.0 %", timeout=10_000)
    expect(seen).to_be_focused()


def test_a_form_that_is_being_filled_in_is_not_taken_away(site: Site, page: Page):
    page.goto(site.start() + "/stays?ward=K1")
    card = page.locator("#stay-stay-2")
    card.get_by_text("Snooze", exact=True).click()
    card.locator("details[open] [name=reviewer]").fill("KM")
    with writing(site.engine) as connection:
        connection.execute(update(RISK).where(RISK.c.stay_id == "stay-2").values(probability=0.5, as_of=LATER))
    page.evaluate("new Promise(told => new EventSource('/stays/live').addEventListener('open', told))")
    expect(card.locator("details[open] [name=reviewer]")).to_have_value("KM")
    card.locator("details[open] button").click()
    page.wait_for_url("**/stays#stay-stay-2")
    expect(page.locator("#stay-stay-2")).to_contain_text("Snoozed")


def test_a_stay_is_reached_and_answered_by_keyboard_alone(site: Site, page: Page):
    page.goto(site.start() + "/stays/stay-9")
    page.locator("summary", has_text="Seen").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("KM")
    page.keyboard.press("Enter")
    page.wait_for_url("**/stays/stay-9")
    expect(page.locator("main")).to_contain_text("KM")


def test_failed_work_is_found_and_tried_again_by_keyboard_alone(site: Site, page: Page):
    page.goto(site.start() + "/queue")
    page.locator("#work-w-5-1").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/queue/w-5-1")
    page.locator("summary", has_text="Try again").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("KM")
    page.keyboard.press("Enter")
    expect(page.locator(".lead")).to_contain_text("Queued")
    expect(page.locator("main")).to_contain_text("tried again by hand")


@pytest.mark.parametrize(
    "path",
    [
        "/stays",
        "/stays/stay-9",
        "/surveillance",
        "/surveillance/haiba-urinary-tract-infection",
        "/queue",
        "/queue/w-3-1",
    ],
)
def test_a_page_fits_a_phone(site: Site, browser: Browser, path: str):
    context = browser.new_context(viewport={"width": 375, "height": 812}, locale="da-DK")
    phone = context.new_page()
    phone.goto(site.start() + path)
    wide = phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    ends = phone.locator("nav a").evaluate_all("links => links.map(link => link.getBoundingClientRect().right)")
    context.close()
    assert wide == 0
    # Nothing of the menu is to be pushed into view.
    assert max(ends) <= 375
