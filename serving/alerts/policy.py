"""An alert policy: a value of its own, versioned, one for each model and group of wards."""

import hashlib
import tomllib
from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationError, model_validator

from serving.errors import SettingsError
from serving.settings.section import Section


class Mode(Enum):
    """What becomes of an alert."""

    #: People are told.
    LIVE = "live"
    #: Decided and kept as if live, but nobody is told: how a policy is tried before it goes live.
    SILENT = "silent"


class AlertPolicy(Section):
    """When a risk becomes an alert. What it holds back stays on the ward list: a policy governs who is disturbed."""

    name: str = Field(pattern=r"^[a-z0-9-]{1,48}$")
    #: Edition; raised with every change, kept with every decision.
    version: str = Field(default="1", pattern=r"^[A-Za-z0-9.-]{1,16}$")
    #: Model whose risks it is for.
    model: str = Field(pattern=r"^[a-z0-9_]{1,64}$")
    #: Wards that it is for; empty = all.
    wards: tuple[str, ...] = ()
    mode: Mode = Mode.SILENT
    #: Probability from which it alerts; None = to be found from the capacity by `varsel alerts simulate`.
    threshold: float | None = Field(default=None, gt=0, lt=1)
    #: Alerts per 100 patient-days that the ward has time for; None = not said.
    capacity_per_100_patient_days: float | None = Field(default=None, gt=0)
    #: Of so many of the newest scores (hold_of) so many (hold) must reach the threshold.
    hold: int = Field(default=1, ge=1, le=24)
    hold_of: int = Field(default=1, ge=1, le=24)
    #: Hours of silence after an alert of the same stay.
    refractory_hours: float = Field(default=24.0, ge=0)
    #: After the silence the risk must be so much higher than at the alert before; 0 = need not be.
    repeat_rise: float = Field(default=0.0, ge=0, lt=1)
    #: No alert so long after an antibiotic was given; 0 = treatment does not hold it back.
    treated_hours: float = Field(default=0.0, ge=0)
    #: No alert so long after an infection was found; 0 = a known infection does not hold it back.
    known_hours: float = Field(default=0.0, ge=0)
    #: Alerts of one ward in one shift; None = no limit.
    cap_per_shift: int | None = Field(default=None, ge=1)
    #: Length of a shift; shifts begin at midnight UTC and follow each other.
    shift_hours: float = Field(default=8.0, gt=0, le=24)

    @model_validator(mode="after")
    def _can_be_held(self) -> "AlertPolicy":
        if self.hold > self.hold_of:
            raise ValueError(f"'hold' is {self.hold} of {self.hold_of} scores; it must be at most 'hold_of'")
        if self.threshold is None and self.capacity_per_100_patient_days is None:
            raise ValueError("neither 'threshold' nor 'capacity_per_100_patient_days' is given; one is required")
        return self

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says, 12 hexadecimal digits: two policies of one name and version are told apart."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]

    def applies(self, model: str, ward: str) -> bool:
        """Whether it is for *model*'s risks on *ward*."""
        return model == self.model and (not self.wards or ward in self.wards)


def policy_for(policies: Sequence[AlertPolicy], model: str, ward: str) -> AlertPolicy | None:
    """The first of *policies* for *model* on *ward*, one that names the ward before one for all; None without one."""
    found = [policy for policy in policies if policy.applies(model, ward)]
    return min(found, key=lambda policy: not policy.wards, default=None)


def _with_threshold(policies: tuple[AlertPolicy, ...]) -> tuple[AlertPolicy, ...]:
    without = [policy.name for policy in policies if policy.threshold is None]
    if without:
        raise ValueError(
            f"{', '.join(without)} has no threshold; find one with `varsel alerts simulate` and write it down"
        )
    return policies


#: Policies of a site's settings: each has its threshold.
LivePolicies = Annotated[tuple[AlertPolicy, ...], AfterValidator(_with_threshold)]


def load_policies(path: Path) -> tuple[AlertPolicy, ...]:
    """The tables ``[[alert_policies]]`` of the TOML file *path*, which may be a site's whole settings file.

    Raises:
        SettingsError: it cannot be read, or a policy is faulty; every fault on a line.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("alert_policies", [])
        policies = tuple(AlertPolicy.model_validate(table) for table in tables)
    except OSError as error:
        raise SettingsError(f"'{path}' cannot be read: {error.strerror}; name an existing file") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"'{path}' is not TOML: {error}") from error
    except ValidationError as error:
        faults = (f"{'.'.join(map(str, fault['loc'])) or 'policy'}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"'{path}' holds a faulty policy:\n" + "\n".join(faults)) from error
    if not policies:
        raise SettingsError(f"'{path}' has no table [[alert_policies]]; write one, docs/alerts.md shows how")
    return policies
