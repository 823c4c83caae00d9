"""The figures of one definition over a period, from what was kept: the same for pages and reports."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from ehr_io.definitions.catalogue import ALL, IN_FORCE, Definition
from ehr_io.definitions.joint import JointDefinition
from evaluation.surveillance.control_chart import ChartKind, ControlChart, control_chart
from evaluation.surveillance.counts import PER_RISK_DAYS, Exposure, Rate, by_month, by_unit
from evaluation.surveillance.funnel import Funnel, funnel
from evaluation.surveillance.grid import Box, grid
from serving.surveillance.queries import KeptCase

#: Cases among operations are told per hundred.
PER_OPERATIONS = 100


@dataclass(frozen=True, kw_only=True)
class Period:
    """Months looked at, both ends included, e.g. ``2026-01``; empty = without an end."""

    #: First and last month.
    first: str = ""
    last: str = ""

    def holds(self, day: date) -> bool:
        """Whether *day* lies in it."""
        month = day.isoformat()[:7]
        return (not self.first or month >= self.first) and (not self.last or month <= self.last)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One edition of one definition over a period."""

    #: The definition.
    definition: Definition
    #: Cases that are counted, newest first.
    cases: tuple[KeptCase, ...]
    #: Cases that people rejected.
    rejected: int
    #: All units and months together.
    total: Rate
    #: Month -> rate, all units together.
    months: dict[str, Rate]
    #: Unit -> rate, all months together.
    units: dict[str, Rate]
    #: By month.
    chart: ControlChart
    #: By unit.
    funnel: Funnel

    @property
    def scale(self) -> int:
        """Rates are told per so many days at risk, or operations."""
        return scale_of(self.definition)


def find_definition(definition_id: str, edition: str = "") -> Definition | None:
    """The definition of this id and edition; the edition in force where none is given; None without one."""
    asked = (one for one in ALL if one.id == definition_id and one.edition.name == edition)
    in_force = (one for one in IN_FORCE if one.id == definition_id)
    return next(asked if edition else in_force, None)


def editions_of(definition_id: str) -> tuple[Definition, ...]:
    """Every edition of a definition, newest first."""
    return tuple(
        sorted((one for one in ALL if one.id == definition_id), key=lambda one: one.edition.name, reverse=True)
    )


def chart_kind(definition: Definition) -> ChartKind:
    """What counts are of: cases among operations, or by days at risk."""
    return ChartKind.P if isinstance(definition, JointDefinition) else ChartKind.U


def scale_of(definition: Definition) -> int:
    """Rates of *definition* are told per so many days at risk, or operations."""
    return PER_OPERATIONS if chart_kind(definition) is ChartKind.P else PER_RISK_DAYS


def figures(
    definition: Definition,
    cases: Sequence[KeptCase],
    at_risk: Sequence[Exposure],
    *,
    period: Period,
    unit: str = "",
) -> Figures:
    """The figures of *cases* among what was *at_risk* in *period*; the chart and months of *unit* alone, if given."""
    held = [case for case in cases if period.holds(case.sampled_at.date())]
    counted = [case for case in held if case.is_counted]
    exposed = [one for one in at_risk if period.holds(one.day)]
    here = [case for case in counted if not unit or case.unit == unit]
    exposed_here = [one for one in exposed if not unit or one.unit == unit]
    months = by_month([case.as_count for case in here], exposed_here)
    units = by_unit([case.as_count for case in counted], exposed)
    kind = chart_kind(definition)
    return Figures(
        definition=definition,
        cases=tuple(here),
        rejected=len([case for case in held if not case.is_counted and case.withdrawn_at is None]),
        total=Rate(cases=len(here), exposure=sum(one.amount for one in exposed_here)),
        months=months,
        units=units,
        chart=control_chart(kind, months),
        funnel=funnel(kind, {name: rate for name, rate in units.items() if name}),
    )


def coloured(cases: Sequence[KeptCase], contacts: Sequence[Exposure], period: Period) -> dict[str, Box]:
    """HAIR's grid for one definition: unit -> share of its contacts with an infection, against the average."""
    infected: dict[str, set[str]] = {}
    for case in cases:
        if case.is_counted and period.holds(case.sampled_at.date()):
            infected.setdefault(case.unit, set()).add(case.stay_id or case.id)
    came: dict[str, int] = {}
    for one in contacts:
        if period.holds(one.day):
            came[one.unit] = came.get(one.unit, 0) + round(one.amount)
    # A contact that came before the period may have its infection within it.
    return grid({unit: min(len(ids), came.get(unit, 0)) for unit, ids in infected.items()}, came)
