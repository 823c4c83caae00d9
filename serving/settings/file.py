"""Every knob of a running site: one ``varsel.toml``, environment overrides, units in the names.

An environment variable ``VARSEL_<SECTION>__<KEY>`` overrides the file, e.g. ``VARSEL_RECEIVE__PORT=11112``.
"""

import os
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableVariable

from serving.alerts.policy import LivePolicies
from serving.errors import SettingsError
from serving.settings.archives import Archive, DicomwebDoor
from serving.settings.cds import Cds
from serving.settings.destinations import (
    AnyDestination,
    Destination,
    DicomwebDestination,
    FhirDestination,
    Hl7Destination,
    WebhookDestination,
)
from serving.settings.feed import Feed
from serving.settings.images import Images
from serving.settings.queues import Limits, Queues
from serving.settings.receive import Receive
from serving.settings.retention import Retention
from serving.settings.section import Port, Section
from serving.settings.site import Site
from serving.settings.smart import Smart
from serving.settings.stays import Stays
from serving.settings.ups import Ups


class Work(Section):
    """The worker."""

    #: Cases worked on at once.
    concurrency: int = Field(default=2, ge=1)
    #: Tries of one case or delivery, while something outside is down, before it is put aside; 300 take about a day.
    maximum_attempts: int = Field(default=300, ge=1)
    #: Tries in a row that took their worker down before it is put aside.
    maximum_unended: int = Field(default=8, ge=1)
    #: First wait before another try; doubles each time, at most retry_ceiling_seconds.
    retry_seconds: float = Field(default=2.0, gt=0)
    retry_ceiling_seconds: float = Field(default=300.0, gt=0)
    #: Name of this node, its own among those that share the database; fixed, so that a restart finds its work again.
    node: str = Field(default="node-1", pattern=r"^[a-z0-9-]{1,32}$")
    #: A node that says nothing for so long is taken for dead: the others do its work, and it may write nothing more.
    silence_seconds: float = Field(default=15.0, ge=1)
    #: When told to stop, begun work may go on for so long; the rest is for others, or for the next start.
    drain_seconds: float = Field(default=20.0, ge=0)
    metrics_port: Port = 9465


class Api(Section):
    """The model service."""

    host: str = "127.0.0.1"
    port: Port = 3000
    #: ONNX Runtime execution provider that must be in use, else readiness is red.
    execution_provider: Literal["CPUExecutionProvider", "CUDAExecutionProvider"] = "CPUExecutionProvider"
    #: Threads of one inference; 0 = one per physical core.
    threads: int = Field(default=0, ge=0)
    #: A model that answers later than this counts as unavailable.
    timeout_seconds: float = Field(default=120.0, gt=0)


class Web(Section):
    """Pages, FHIR and CDS Hooks."""

    host: str = "127.0.0.1"
    port: Port = 8080
    #: Address by which others reach the pages, without a slash at its end; empty = http://host:port.
    public_url: str = Field(default="", pattern=r"^(https?://[^\s]*[^\s/])?$")
    #: Header in which a proxy that has checked it names the user; empty = nobody is signed on.
    user_header: str = Field(default="", pattern=r"^[A-Za-z0-9-]{0,64}$")


class Models(Section):
    """Where releases come from."""

    #: Release store; empty = ``releases`` in data_dir.
    store_dir: Path | None = None
    #: MLflow tracking URI; empty = an SQLite file in data_dir.
    mlflow_tracking_uri: str = ""


class Rule(Section):
    """Which studies, or stays, a model is for. All conditions must hold; an empty one holds always."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,48}$")
    #: Model name in the release store.
    model: str
    alias: Literal["champion", "challenger"] = "champion"
    #: ``imaging`` or ``stay``.
    kind: Literal["imaging", "stay"] = "imaging"
    #: Whether stays are also scored on the clock (``[stays]``); false for a model that answers to an event.
    on_clock: bool = True
    #: Modality (0008,0060) of a series.
    modalities: tuple[str, ...] = ()
    #: Body Part Examined (0018,0015) of a series; an absent one matches.
    body_parts: tuple[str, ...] = ()
    #: Case-insensitive part of the Series or Study Description.
    description_contains: str = ""
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    priority: int = Field(default=2, ge=0, le=3)


class Settings(BaseSettings):
    """The whole of ``varsel.toml``."""

    model_config = SettingsConfigDict(env_prefix="VARSEL_", env_nested_delimiter="__", extra="forbid", frozen=True)

    site: Site = Site()
    receive: Receive = Receive()
    work: Work = Work()
    images: Images = Images()
    api: Api = Api()
    web: Web = Web()
    feed: Feed = Feed()
    stays: Stays = Stays()
    models: Models = Models()
    destinations: tuple[Destination, ...] = ()
    dicomweb_destinations: tuple[DicomwebDestination, ...] = ()
    hl7_destinations: tuple[Hl7Destination, ...] = ()
    fhir_destinations: tuple[FhirDestination, ...] = ()
    webhook_destinations: tuple[WebhookDestination, ...] = ()
    dicomweb: DicomwebDoor = DicomwebDoor()
    ups: Ups = Ups()
    archives: tuple[Archive, ...] = ()
    rules: tuple[Rule, ...] = ()
    alert_policies: LivePolicies = ()
    cds: Cds = Cds()
    smart: Smart = Smart()
    retention: Retention = Retention()
    queues: Queues = Queues()
    limits: Limits = Limits()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Settings":
        for what, names in (
            ("destinations", [item.name for item in self.all_destinations]),
            ("archives", [item.name for item in self.archives]),
            ("rules", [item.name for item in self.rules]),
            ("alert_policies", [item.name for item in self.alert_policies]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"'{what}' names {', '.join(twice)} more than once; each name must be its own")
        return self

    @model_validator(mode="after")
    def _work_items_name_a_known_archive(self) -> "Settings":
        known = [item.name for item in self.archives]
        if self.ups.archive and self.ups.archive not in known:
            raise ValueError(f"'ups.archive' names '{self.ups.archive}'; required: one of archives: {', '.join(known)}")
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; the file arrives as init values."""
        del settings_cls, dotenv_settings, file_secret_settings
        return (env_settings, init_settings)

    @property
    def all_destinations(self) -> tuple[AnyDestination, ...]:
        """Everything that results are sent to, by any protocol."""
        return (
            *self.destinations,
            *self.dicomweb_destinations,
            *self.hl7_destinations,
            *self.fhir_destinations,
            *self.webhook_destinations,
        )

    @property
    def database_url(self) -> str:
        """The URL in force."""
        return self.site.database_url or f"sqlite:///{(self.site.data_dir / 'varsel.db').resolve()}"

    @property
    def spool_dir(self) -> Path:
        """Where received objects lie."""
        return self.site.data_dir / "spool"

    @property
    def results_dir(self) -> Path:
        """Where result objects and pictures lie."""
        return self.site.data_dir / "results"

    @property
    def store_dir(self) -> Path:
        """Where releases lie."""
        return self.models.store_dir or self.site.data_dir / "releases"

    @property
    def mlflow_tracking_uri(self) -> str:
        """The tracking URI in force."""
        return self.models.mlflow_tracking_uri or f"sqlite:///{(self.site.data_dir / 'mlflow.db').resolve()}"

    @property
    def public_url(self) -> str:
        """Where others reach the pages."""
        return self.web.public_url or f"http://{self.web.host}:{self.web.port}"

    @property
    def api_url(self) -> str:
        """Where the model service answers."""
        return f"http://{self.api.host}:{self.api.port}"


def load_settings(path: Path | None) -> Settings:
    """Read the settings file at *path* (None = defaults) with environment overrides.

    Raises:
        SettingsError: every fault, one a line: where, what was found, what is required.
    """
    _demand_known_sections(os.environ)
    try:
        return Settings(**_read_toml(path))
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'settings'}: {fault['msg']}" for fault in error.errors())
        raise SettingsError("\n".join(faults)) from error
    except UnreadableVariable as error:
        raise SettingsError(f"environment: {error}; a list or a whole section is written as JSON there") from error


def _demand_known_sections(names: Iterable[str]) -> None:
    prefix, delimiter = "VARSEL_", "__"
    for name in names:
        # Kubernetes sets variables such as VARSEL_WEB_PORT for a service "varsel-web"; ours have two underscores.
        section, is_nested, _ = name.removeprefix(prefix).lower().partition(delimiter)
        if name.startswith(prefix) and is_nested and section not in Settings.model_fields:
            raise SettingsError(f"environment: '{name}' names no section; required: {', '.join(Settings.model_fields)}")


def _read_toml(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        # Editors of Windows begin a file with a byte order mark.
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise SettingsError(
            f"'{path}' cannot be read: {error.strerror}; name an existing file with --settings"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"'{path}' is not TOML: {error}") from error
