"""Pictures of every page for docs/pages.md: desktop and phone, Danish and English, in headless Chromium.

``make page-shots`` fills a site with invented patients, stays scored by a shipped model, and a year of surveillance,
and writes small PNG files to docs/images.
"""

import sys
import tempfile
import threading
from pathlib import Path

import uvicorn
from PIL import Image
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from models.folder_store import shipped_releases  # noqa: E402  the repository is not installed as `tests`
from serving.settings.feed import Feed  # noqa: E402
from serving.settings.stays import Stays  # noqa: E402
from serving.web.app import web_app  # noqa: E402  the repository is not installed as `tests`
from tests.factories.cases import filled_site  # noqa: E402

OUT = ROOT / "docs" / "images"
#: Name -> address; each is drawn four times.
PAGES = {
    "cases": "/",
    "case": "/cases/w-1-1",
    "ward-list": "/stays",
    "stay": "/stays/stay-9",
    "stay-in-the-past": "/stays/stay-9?at=2026-03-05T09:00",
    "surveillance": "/surveillance",
    "definition": "/surveillance/haiba-urinary-tract-infection?unit=M2",
    "editions": "/surveillance/haiba-urinary-tract-infection/editions",
    "surveillance-case": "/surveillance/cases/uri2019-M2-2026-03-05",
    "report": "/surveillance/report.html?month=2026-02",
    "work": "/queue",
    "work-item": "/queue/w-3-1",
    "refusals": "/refusals",
}
#: Name -> viewport in CSS pixels.
SCREENS = {"desktop": (1280, 860), "phone": (375, 812)}
LANGUAGES = {"da": "da-DK", "en": "en-GB"}
#: Longest picture in CSS pixels: the rest of a long list says nothing new.
LONGEST = 1700
#: How much wider the page, or a box of it that scrolls, is than its frame. On a phone tables may be pushed to the side.
_OVERFLOW = """chosen => Math.max(...[document.documentElement, ...document.querySelectorAll(chosen)]
    .map(one => one.scrollWidth - one.clientWidth))"""


def main() -> None:
    """Draw every page."""
    OUT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        infection = next(path for path in shipped_releases() if path.parent.name == "infection_urinary")
        engine, settings = filled_site(Path(directory), infection)
        # The invented stays lie in the past: without this every score on the ward list would be marked as old.
        settings = settings.model_copy(update={"stays": Stays(stale_hours=1e6), "feed": Feed()})
        config = uvicorn.Config(
            web_app(engine, settings), port=0, access_log=False, log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            thread.join(0.05)
        address = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                for language in LANGUAGES:
                    for screen in SCREENS:
                        _draw(browser, address, language, screen)
                browser.close()
        finally:
            server.should_exit = True
            thread.join()
            engine.dispose()


def _draw(browser: Browser, address: str, language: str, screen: str) -> None:
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, locale=LANGUAGES[language])
    page = context.new_page()
    for name, path in PAGES.items():
        answer = page.goto(address + path)
        if answer is None or answer.status != 200:
            sys.exit(f"{path} was answered with {answer and answer.status}")
        overflow = page.evaluate(_OVERFLOW, ".scroll" if screen == "desktop" else "html")
        if overflow > 0:
            sys.exit(f"{path} ({language}, {screen}) is {overflow} px wider than its screen")
        path_out = OUT / f"{name}-{screen}-{language}.png"
        tall = min(LONGEST, page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": width, "height": tall})
        page.screenshot(path=path_out)
        page.set_viewport_size({"width": width, "height": height})
        _shrink(path_out, 0.6 if screen == "desktop" else 0.8)
    context.close()


def _shrink(path: Path, factor: float) -> None:
    with Image.open(path) as picture:
        size = (round(picture.width * factor), round(picture.height * factor))
        small = picture.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    small.quantize(200).save(path, optimize=True)


if __name__ == "__main__":
    main()
