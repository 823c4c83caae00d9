"""Control chart and funnel as coordinates for SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluation.surveillance.control_chart import ChartPoint, ControlChart
from evaluation.surveillance.funnel import Funnel, FunnelPoint

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 56, 14, 14, 40


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
    points = tuple(
        DrawnUnit(x=_x(point.rate.exposure, widest), y=_y(point.value, highest), point=point) for point in funnel.points
    )
    low_998, low_95, high_95, high_998 = (
        _line([(_x(row[0], widest), _y(min(row[number], highest), highest)) for row in funnel.curve])
        for number in (1, 2, 3, 4)
    )
    return DrawnFunnel(
        points=points,
        limits=(low_998, low_95, high_95, high_998),
        target_y=_y(funnel.target, highest),
        ticks=_ticks(highest, scale),
        exposures=tuple((_x(widest * part / 4, widest), widest * part / 4) for part in range(1, 5)),
    )


def _x(exposure: float, widest: float) -> float:
    return round(LEFT + (WIDTH - LEFT - RIGHT) * exposure / widest, 1)


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
    return tuple((_y(highest * part / 4, highest), highest * part / 4 * scale) for part in range(5))
