"""The report as one page that stands alone: no script, no other file, pictures inline."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from matplotlib.figure import Figure

from evaluation.plots import figures
from evaluation.report import EvaluationReport
from evaluation.texts import Words
from evaluation.tripod import tripod_items
from models.manifest import Manifest

_DOTS_PER_INCH = 130
#: Numbers on top of the page, where they are there.
_HEADLINE = ("auroc", "auprc", "sensitivity", "specificity", "calibration_slope", "utility")
_HEADLINE_OF_MASKS = ("lesion_sensitivity", "false_positives_per_case", "dice", "hausdorff_95_mm")
_SUBGROUP_METRICS = ("auroc", "auprc", "sensitivity", "specificity", "ppv", "calibration_intercept")


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the page shows beside the report."""

    #: The release that was judged; None where a graph was judged before it was one.
    manifest: Manifest | None = None
    #: Key of a failure -> PNG of it; empty = keys alone. Pictures of patients: only where the reader may see them.
    gallery: Mapping[str, bytes] = field(default_factory=dict)
    #: ``en`` or ``da``.
    language: str = "en"


def to_html(report: EvaluationReport, surroundings: Surroundings | None = None) -> str:
    """*report* as one self-contained page."""
    around = surroundings or Surroundings()
    return page_of(report, around, plots_of(report, around.language))


def plots_of(report: EvaluationReport, language: str) -> dict[str, bytes]:
    """A PNG of every figure of *report*, by its short name."""
    return {name: png_of(figure) for name, figure in figures(report, language).items()}


def page_of(report: EvaluationReport, around: Surroundings, plots: Mapping[str, bytes]) -> str:
    """The page of *report* with *plots*, as `plots_of` draws them."""
    told = around.manifest.labels if around.manifest else ()
    return _template().render(
        report=report,
        labels={one.key: one.text.in_language(around.language) for one in told},
        manifest=around.manifest,
        words=Words(language=around.language),
        plots={name: _encoded(plot) for name, plot in plots.items()},
        gallery={key: _encoded(picture) for key, picture in around.gallery.items()},
        headline=[name for name in (*_HEADLINE, *_HEADLINE_OF_MASKS) if name in report.metrics][:6],
        subgroup_metrics=_SUBGROUP_METRICS,
        tripod=tripod_items(around.manifest, report, around.language) if around.manifest else (),
    )


def png_of(figure: Figure) -> bytes:
    """*figure* as a PNG."""
    buffer = BytesIO()
    # Without the library's version in it: the same figure is the same bytes.
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
    return buffer.getvalue()


def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "page"), autoescape=True, undefined=StrictUndefined
    )
    environment.globals |= {"number": _number, "signed": _signed}
    return environment.get_template("report.html")


def _encoded(picture: bytes) -> str:
    return base64.b64encode(picture).decode("ascii")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"
