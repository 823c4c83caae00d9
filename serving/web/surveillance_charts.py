"""Control chart and funnel as coordinates for SVG."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.surveillance.control_chart import ChartPoint, ControlChart
from evaluation.surveillance.funnel import Funnel, FunnelPoint

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 56, 14, 14, 40
#: A funnel stands beside a table.
FUNNEL_WIDTH = 420
#: Names of units nearer to each other than this would lie over each other.
_NAME_WIDTH, _NAME_HEIGHT = 30, 14


@dataclass(frozen=True, kw_only=True)
class DrawnPoint:
    """One period of a control chart."""

    #: Its place.
    x: float
    y: float
    #: The point.
    point: ChartPoint


@dataclass(frozen=True, kw_only=True)
class DrawnUnit:
    """One unit of a funnel."""

    #: Its place.
    x: float
    y: float
    #: The point.
    point: FunnelPoint
    #: Whether its name stands above it, and not below.
    is_named_above: bool


@dataclass(frozen=True, kw_only=True)
class DrawnChart:
    """A control chart."""

    #: Periods in order.
    points: tuple[DrawnPoint, ...]
    #: ``x,y`` pairs of the line through them, and of the limits as steps.
    line: str
    upper: str
    lower: str
    #: Height of the centre line.
    centre_y: float
    #: (height, value per scale) of the axis.
    ticks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class DrawnFunnel:
    """A funnel plot."""

    #: Units.
    points: tuple[DrawnUnit, ...]
    #: ``x,y`` pairs of lower 99.8, lower 95, upper 95 and upper 99.8 %.
    limits: tuple[str, str, str, str]
    #: Height of the rate of all units.
    target_y: float
    #: (height, value per scale), and (place, exposure) of the axes.
    ticks: tuple[tuple[float, float], ...]
    exposures: tuple[tuple[float, float], ...]
    #: Width of the drawing.
    width: int = FUNNEL_WIDTH


def draw_chart(chart: ControlChart, scale: float) -> DrawnChart | None:
    """*chart* with rates per *scale*; None without a point."""
    if not chart.points:
        return None
    highest = max(max(point.value, point.upper) for point in chart.points) * 1.08 or 1.0
    step = (WIDTH - LEFT - RIGHT) / len(chart.points)
    xs = [LEFT + step * (number + 0.5) for number in range(len(chart.points))]
    points = tuple(
        DrawnPoint(x=round(x, 1), y=_y(point.value, highest), point=point)
        for x, point in zip(xs, chart.points, strict=True)
    )
    return DrawnChart(
        points=points,
        line=_line([(one.x, one.y) for one in points]),
        upper=_steps(xs, [point.upper for point in chart.points], step, highest),
        lower=_steps(xs, [point.lower for point in chart.points], step, highest),
        centre_y=_y(chart.centre, highest),
        ticks=_ticks(highest, scale),
    )


def draw_funnel(funnel: Funnel, scale: float) -> DrawnFunnel | None:
    """*funnel* with rates per *scale*; None without a unit."""
    if not funnel.points:
        return None
    widest = funnel.curve[-1][0]
    # The limits of the smallest exposure would press all units to the ground.
    highest = max([point.value for point in funnel.points] + [limits[4] for limits in funnel.curve[4:]]) * 1.08 or 1.0
    low_998, low_95, high_95, high_998 = (
        _line([(_x(row[0], widest), _y(min(row[number], highest), highest)) for row in funnel.curve])
        for number in (1, 2, 3, 4)
    )
    return DrawnFunnel(
        points=_units(funnel.points, widest, highest),
        limits=(low_998, low_95, high_95, high_998),
        target_y=_y(funnel.target, highest),
        ticks=_ticks(highest, scale),
        exposures=tuple((_x(value, widest), value) for value in _round_values(widest) if value),
    )


def _units(points: Sequence[FunnelPoint], widest: float, highest: float) -> tuple[DrawnUnit, ...]:
    """The units, with a name below where one above would lie over that of the unit over it."""
    drawn: list[DrawnUnit] = []
    for point in sorted(points, key=lambda one: -one.value):
        x, y = _x(point.rate.exposure, widest), _y(point.value, highest)
        near = [one for one in drawn if abs(one.x - x) < _NAME_WIDTH and y - one.y < 2 * _NAME_HEIGHT]
        drawn.append(DrawnUnit(x=x, y=y, point=point, is_named_above=not near))
    return tuple(drawn)


def _round_values(highest: float) -> list[float]:
    """0 and three to six round values up to *highest*."""
    power = 10.0 ** math.floor(math.log10(highest / 3))
    step = next(power * part for part in (5, 2, 1) if power * part * 3 <= highest)
    return [step * number for number in range(int(highest / step) + 1)]


def _x(exposure: float, widest: float) -> float:
    return round(LEFT + (FUNNEL_WIDTH - LEFT - RIGHT) * exposure / widest, 1)


def _y(value: float, highest: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / highest, 1)


def _line(places: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _steps(xs: Sequence[float], values: Sequence[float], step: float, highest: float) -> str:
    corners = [
        (x + side * step / 2, _y(value, highest)) for x, value in zip(xs, values, strict=True) for side in (-1, 1)
    ]
    return _line(corners)


def _ticks(highest: float, scale: float) -> tuple[tuple[float, float], ...]:
    return tuple((_y(value / scale, highest), value) for value in _round_values(highest * scale))
