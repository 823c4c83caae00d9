"""Cases and time at risk, unit by unit and period by period."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from scipy import special

#: Incidence is told per so many days at risk (HAIBA).
PER_RISK_DAYS = 10_000


@dataclass(frozen=True, kw_only=True)
class Case:
    """One counted case."""

    #: What it can be found by.
    id: str
    #: Unit that it counts to; empty when not known.
    unit: str
    #: Day of the sample.
    day: date


@dataclass(frozen=True, kw_only=True)
class Exposure:
    """What was at risk in one unit on one day."""

    #: The unit; empty when not known.
    unit: str
    #: The day.
    day: date
    #: Days at risk, or operations.
    amount: float


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Cases among what was at risk, with the exact 95 % Poisson interval (Garwood, Biometrika 1936;28:437)."""

    #: Number of cases.
    cases: int
    #: Days at risk, or operations.
    exposure: float

    def per(self, scale: float) -> float | None:
        """Cases per *scale* of exposure; None where nothing was at risk."""
        return self.cases / self.exposure * scale if self.exposure > 0 else None

    def interval(self, scale: float) -> tuple[float, float] | None:
        """The 95 % interval of `per`; None where nothing was at risk."""
        if self.exposure <= 0:
            return None
        low = special.gammaincinv(self.cases, 0.025) if self.cases else 0.0
        high = special.gammaincinv(self.cases + 1, 0.975)
        return float(low / self.exposure * scale), float(high / self.exposure * scale)


def by_month(cases: Iterable[Case], exposures: Iterable[Exposure]) -> dict[str, Rate]:
    """Month (``2026-03``) -> rate, in order; a month stands where there was a case or somebody at risk."""
    return _rates(((one.day.isoformat()[:7]) for one in cases), ((e.day.isoformat()[:7], e.amount) for e in exposures))


def by_unit(cases: Iterable[Case], exposures: Iterable[Exposure]) -> dict[str, Rate]:
    """Unit -> rate, in order."""
    return _rates((one.unit for one in cases), ((e.unit, e.amount) for e in exposures))


def by_unit_and_month(cases: Iterable[Case], exposures: Iterable[Exposure]) -> Mapping[tuple[str, str], Rate]:
    """(unit, month) -> rate."""
    counted: dict[tuple[str, str], int] = defaultdict(int)
    at_risk: dict[tuple[str, str], float] = defaultdict(float)
    for case in cases:
        counted[case.unit, case.day.isoformat()[:7]] += 1
    for exposure in exposures:
        at_risk[exposure.unit, exposure.day.isoformat()[:7]] += exposure.amount
    return {
        key: Rate(cases=counted.get(key, 0), exposure=at_risk.get(key, 0.0)) for key in sorted({*counted, *at_risk})
    }


def _rates(cases: Iterable[str], exposures: Iterable[tuple[str, float]]) -> dict[str, Rate]:
    counted: dict[str, int] = defaultdict(int)
    at_risk: dict[str, float] = defaultdict(float)
    for key in cases:
        counted[key] += 1
    for key, amount in exposures:
        at_risk[key] += amount
    return {
        key: Rate(cases=counted.get(key, 0), exposure=at_risk.get(key, 0.0)) for key in sorted({*counted, *at_risk})
    }
