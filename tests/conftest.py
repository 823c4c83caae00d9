"""What several test packages share."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

ROOT = Path(__file__).parents[1]
#: What the demonstration's models are made of: when none of it changed, neither have they.
_RECIPE = ("models/**/*.py", "models/bundles/**/*", "training/**/*.py", "evaluation/**/*.py")
_MAKE = """
import sys
from pathlib import Path
from serving.settings import load_settings
from varsel.demo.models import make_missing_models
from varsel.demo.words import ENGLISH
path = Path(sys.argv[1])
make_missing_models(load_settings(path), path, ENGLISH)
"""


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


@dataclass(frozen=True, kw_only=True)
class TrainedStore:
    """The demonstration's three models, made by the real path."""

    #: Release store with a champion of each.
    store_dir: Path
    #: Where MLflow kept their runs.
    mlflow_tracking_uri: str

    @property
    def environment(self) -> dict[str, str]:
        """Overrides that let any site use it."""
        return {
            "VARSEL_MODELS__STORE_DIR": str(self.store_dir),
            "VARSEL_MODELS__MLFLOW_TRACKING_URI": self.mlflow_tracking_uri,
        }


@pytest.fixture(scope="session")
def trained_store(request: pytest.FixtureRequest) -> TrainedStore:
    """Made once and kept in pytest's cache until a bundle, training or evaluation changes: minutes on two cores."""
    directory = request.config.cache.mkdir(f"trained-{_digest_of_recipe()}")
    settings = directory / "varsel.toml"
    settings.write_text(f"[site]\ndata_dir = {json.dumps(str(directory))}\n", encoding="utf-8")
    subprocess.run([sys.executable, "-c", _MAKE, str(settings)], check=True, cwd=ROOT, timeout=1800)
    return TrainedStore(
        store_dir=directory / "releases", mlflow_tracking_uri=f"sqlite:///{directory.resolve() / 'mlflow.db'}"
    )


def _digest_of_recipe() -> str:
    digest = hashlib.sha256()
    files = {path for pattern in _RECIPE for path in ROOT.glob(pattern) if path.is_file()}
    for path in sorted(path for path in files if "__pycache__" not in path.parts):
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
