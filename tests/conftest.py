"""What several test packages share."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

# No sandbox within a container's root, and no look-ups of its maker's hosts.
_CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium, as Debian ships it; closed after each module, since Playwright keeps an event loop running."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is missing; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=[*_CHROMIUM_FLAGS])
        yield opened
        opened.close()
