"""Small drawings of the pages, as coordinates for SVG (a strict content policy forbids inline styles)."""

from collections.abc import Sequence
from dataclasses import dataclass

#: Size of a trend drawing.
WIDTH, HEIGHT = 140, 36
_MARGIN = 3


@dataclass(frozen=True, kw_only=True)
class Trend:
    """A line of probabilities over time."""

    #: ``x,y`` pairs for a polyline.
    points: str
    #: Where the newest value is.
    last_x: float
    last_y: float
    #: Height of the alert level.
    threshold_y: float


def trend(values: Sequence[float], threshold: float) -> Trend:
    """The line through *values* (oldest first, at least one), scaled so that it and *threshold* fit."""
    highest = max(*values, threshold, 0.01)
    step = (WIDTH - 2 * _MARGIN) / max(1, len(values) - 1)
    xs = [WIDTH - _MARGIN - step * back for back in range(len(values) - 1, -1, -1)]
    ys = [_height(value, highest) for value in values]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    return Trend(points=points, last_x=xs[-1], last_y=ys[-1], threshold_y=_height(threshold, highest))


def direction(values: Sequence[float]) -> str:
    """``first``, ``rising``, ``falling`` or ``steady``: the newest against the one before it."""
    if len(values) < 2:
        return "first"
    change = values[-1] - values[-2]
    if abs(change) < 0.005:
        return "steady"
    return "rising" if change > 0 else "falling"


def _height(value: float, highest: float) -> float:
    return round(HEIGHT - _MARGIN - (HEIGHT - 2 * _MARGIN) * value / highest, 1)
