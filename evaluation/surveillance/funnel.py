"""Funnel plot: units beside each other, with limits that narrow as the exposure grows.

Spiegelhalter, Stat Med 2005;24:1185. Limits are exact Poisson or binomial quantiles around the rate of all units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.surveillance.control_chart import ChartKind, limits
from evaluation.surveillance.counts import Rate

#: Chance beyond each side of the inner (95 %) and the outer (99.8 %) limits.
_INNER, _OUTER = 0.025, 0.001


@dataclass(frozen=True, kw_only=True)
class FunnelPoint:
    """One unit."""

    #: Its code.
    unit: str
    #: Cases and exposure.
    rate: Rate
    #: Cases by exposure.
    value: float
    #: Limits at its exposure: lower 99.8, lower 95, upper 95, upper 99.8 %.
    limits: tuple[float, float, float, float]

    @property
    def is_beyond(self) -> bool:
        """Whether it lies outside the outer limits."""
        return not self.limits[0] <= self.value <= self.limits[3]


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """All units."""

    #: Rate of all units together, cases by exposure.
    target: float
    #: Units in the order of their exposure.
    points: tuple[FunnelPoint, ...]
    #: (exposure, lower 99.8, lower 95, upper 95, upper 99.8 %) for drawing, from small to large.
    curve: tuple[tuple[float, float, float, float, float], ...]


def funnel(kind: ChartKind, rates: Mapping[str, Rate], steps: int = 40) -> Funnel:
    """The funnel of *rates* by unit; units without exposure are left out."""
    told = sorted(((unit, rate) for unit, rate in rates.items() if rate.exposure > 0), key=lambda one: one[1].exposure)
    exposure = sum(rate.exposure for _, rate in told)
    target = sum(rate.cases for _, rate in told) / exposure if exposure else 0.0
    points = tuple(
        FunnelPoint(
            unit=unit, rate=rate, value=rate.cases / rate.exposure, limits=_all_limits(kind, rate.exposure, target)
        )
        for unit, rate in told
    )
    return Funnel(target=target, points=points, curve=_curve(kind, [rate.exposure for _, rate in told], target, steps))


def _curve(
    kind: ChartKind, exposures: Sequence[float], target: float, steps: int
) -> tuple[tuple[float, float, float, float, float], ...]:
    if not exposures:
        return ()
    largest = max(exposures) * 1.05
    return tuple((at, *_all_limits(kind, at, target)) for at in (largest * (step + 1) / steps for step in range(steps)))


def _all_limits(kind: ChartKind, exposure: float, target: float) -> tuple[float, float, float, float]:
    # A binomial needs one trial at least.
    at = max(1.0, exposure) if kind is ChartKind.P else exposure
    inner, outer = limits(kind, at, target, _INNER), limits(kind, at, target, _OUTER)
    return outer[0], inner[0], inner[1], outer[1]
