"""Text on the pages can be read in light and dark: WCAG 2.2, 1.4.3 (AA)."""

import re
from pathlib import Path

import pytest

import serving.web.app

CSS = (Path(serving.web.app.__file__).parent / "static" / "varsel.css").read_text(encoding="utf-8")
TONES = ("finding", "no_finding", "not_analysed", "failed", "in_work")
PAIRS = [("text", "ground"), ("muted", "ground"), ("muted", "well"), ("muted", "surface"), ("accent", "surface")]
PAIRS += [("accent", "ground"), ("accent", "well"), ("surface", "accent"), ("text", "well")]
PAIRS += [(tone, f"{tone}-ground") for tone in TONES] + [(tone, "surface") for tone in TONES]


def _themes() -> list[dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    return [dict(re.findall(r"--([a-z_-]+): (#[0-9a-f]{3,6});", block)) for block in (light, dark)]


@pytest.mark.parametrize("theme", _themes(), ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_stands_out_from_its_ground(theme: dict[str, str], text: str, ground: str):
    bright, dim = sorted((_luminance(theme[text]), _luminance(theme[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    red, green, blue = (_linear(int(digits[at : at + 2], 16) / 255) for at in (0, 2, 4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
