"""What the options before the command said."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from serving.settings.file import Settings

#: Read when no ``--settings`` is given and it is here.
DEFAULT_SETTINGS = Path("varsel.toml")


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """Options that every command shares; ``typer.Context.obj``."""

    #: Settings file as given or found; None = defaults and environment only.
    settings_path: Path | None

    def load_settings(self) -> "Settings":
        """The settings in force.

        Raises:
            SettingsError: every fault, one a line.
        """
        from serving.settings.file import load_settings

        return load_settings(self.settings_path)


def invocation(settings: Path | None) -> Invocation:
    """The given *settings* file, else ``varsel.toml`` when it lies here."""
    if settings is None and DEFAULT_SETTINGS.is_file():
        return Invocation(settings_path=DEFAULT_SETTINGS)
    return Invocation(settings_path=settings)
