"""Gives the demonstration's site the releases that ship with Varsel, judged and promoted as any other."""

from pathlib import Path

from models.folder_store import FolderStore, shipped_releases
from models.registry import Alias
from models.release import Release
from serving.settings.file import Settings
from varsel.console import progress
from varsel.demo.words import Words
from varsel.errors import DemoError
from varsel.installing import install_release
from varsel.promotion import Promotion, open_promotion

#: Who approves here; whoever trained a release may not.
_APPROVER = "varsel demo"
_REASON = "shipped with Varsel, shown by its demonstration"


def install_shipped_models(settings: Settings, settings_path: Path, words: Words) -> None:
    """Install, register and promote every shipped release whose model speaks by no alias yet.

    One that may not be champion runs as challenger, unheard; where to read why is said.

    Raises:
        DemoError: a release may not even be challenger.
        ReleaseError: one is damaged.
    """
    promotion = open_promotion(settings, _APPROVER)
    known = {model for model, _ in promotion.store.aliases()}
    # A shipped release lies in a folder of its model's name.
    missing = [path for path in shipped_releases() if path.parent.name not in known]
    with progress() as bar:
        task = bar.add_task(words.installing.format(name="..."), total=len(missing))
        for path in missing:
            bar.update(task, description=words.installing.format(name=path.parent.name))
            if not _promote(install_release(path, settings).release, promotion):
                told = words.only_challenger.format(name=path.parent.name, settings=settings_path)
                bar.console.print(told, soft_wrap=True)
            bar.advance(task)


def champions(settings: Settings) -> dict[str, Release]:
    """Every model of the site's store that has a champion, and that release."""
    store = FolderStore(settings.store_dir)
    found = sorted(model for model, alias in store.aliases() if alias == Alias.CHAMPION.value)
    return {model: store.resolve(model, Alias.CHAMPION.value) for model in found}


def _promote(release: Release, promotion: Promotion) -> bool:
    """Make *release* champion, else challenger; whether it is champion."""
    if promotion.promote(release, Alias.CHAMPION, _REASON).allowed:
        return True
    second = promotion.promote(release, Alias.CHALLENGER, _REASON)
    if not second.allowed:
        raise DemoError(f"'{release.manifest.name}' may not even be challenger: {'; '.join(second.reasons)}")
    return False
