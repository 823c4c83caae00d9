"""The monthly report: incidence by definition and unit, special causes, clusters; as values, CSV and PDF."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle
from sqlalchemy import Connection

from ehr_io.codes import Words
from ehr_io.definitions.catalogue import IN_FORCE, Definition
from evaluation.surveillance.control_chart import ControlChart, SpecialCause, control_chart
from evaluation.surveillance.counts import Rate, by_month, by_unit
from serving.surveillance import queries
from serving.surveillance.figures import chart_kind, scale_of

_HEADINGS = (
    Words(en="Unit", da="Afdeling"),
    Words(en="Cases", da="Tilfælde"),
    Words(en="At risk", da="Under risiko"),
    Words(en="Rate", da="Rate"),
    Words(en="95 % interval", da="95 %-interval"),
)
_TITLE = Words(en="Hospital-acquired infections", da="Sygehuserhvervede infektioner")
_ALL = Words(en="All units", da="Alle afdelinger")
_CAUSES = {
    SpecialCause.BEYOND_LIMIT: Words(en="beyond the control limit", da="uden for kontrolgrænsen"),
    SpecialCause.NINE_ON_ONE_SIDE: Words(en="nine months on one side", da="ni måneder på samme side"),
    SpecialCause.SIX_IN_A_TREND: Words(en="six months rising or falling", da="seks måneder stigende eller faldende"),
    SpecialCause.TWO_OF_THREE: Words(en="two of three months far out", da="to af tre måneder langt ude"),
    SpecialCause.FOUR_OF_FIVE: Words(en="four of five months out", da="fire af fem måneder ude"),
}
_NO_CAUSE = Words(en="No special cause this month.", da="Ingen særlig årsag denne måned.")
_NOT_JUDGED = Words(
    en="Not judged: fewer than eight months, or nothing at risk in this one.",
    da="Ikke bedømt: færre end otte måneder, eller intet under risiko i denne.",
)
_NOT_READ = Words(
    en="The record has not been read yet: these figures say nothing.",
    da="Journalen er ikke læst endnu: tallene siger intet.",
)
_TRENDS_ONLY = Words(
    en="Automatic counts by published definitions: for trends within a unit, not for comparing hospitals.",
    da="Automatiske tal efter publicerede definitioner: til udvikling i en afdeling, ikke til at sammenligne sygehuse.",
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One definition in the report."""

    #: The definition.
    definition: Definition
    #: The month, all units together.
    total: Rate
    #: The month, unit by unit.
    units: dict[str, Rate]
    #: Special causes that this month completes.
    causes: tuple[SpecialCause, ...]
    #: Whether there are months enough to look for any, and this one is among them.
    is_judged: bool
    #: Cases that people rejected this month.
    rejected: int

    @property
    def scale(self) -> int:
        """Rates are told per so many days at risk, or operations."""
        return scale_of(self.definition)

    @property
    def no_cause(self) -> Words:
        """What is said where there is no special cause: that none was found, or that none was looked for."""
        return _NO_CAUSE if self.is_judged else _NOT_JUDGED


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of one month."""

    #: ``2026-03``.
    month: str
    #: When the record was last read, UTC; None when it never was.
    read_at: datetime | None
    #: One a definition in force.
    sections: tuple[Section, ...]
    #: Clusters that reach into the month.
    clusters: tuple[queries.KeptCluster, ...]

    @property
    def reading(self) -> Words:
        """What the figures rest on: when the record was read, and whether the month was over by then."""
        if self.read_at is None:
            return _NOT_READ
        day = self.read_at.date().isoformat()
        if self.read_at.strftime("%Y-%m") > self.month:
            return Words(en=f"Record read {day}.", da=f"Journalen er læst {day}.")
        return Words(
            en=f"Record read {day}, before the month was over: its figures are not final.",
            da=f"Journalen er læst {day}, før måneden var omme: tallene er ikke endelige.",
        )


def monthly_report(connection: Connection, month: str) -> Report:
    """The report of *month* (``2026-03``)."""
    run = queries.newest_run(connection)
    clusters = queries.clusters(connection)
    return Report(
        month=month,
        read_at=None if run is None else run.at,
        sections=tuple(_section(connection, definition, month) for definition in IN_FORCE),
        clusters=tuple(one for one in clusters if one.first.isoformat()[:7] <= month <= one.last.isoformat()[:7]),
    )


def cause_words(cause: SpecialCause) -> Words:
    """*cause* for people."""
    return _CAUSES[cause]


def as_csv(report: Report, language: str) -> bytes:
    """One line a definition and unit, UTF-8 with a mark that spreadsheets know."""
    text = io.StringIO()
    rows = csv.writer(text, delimiter=";", lineterminator="\r\n")
    rows.writerow(("month", "definition", "edition", "unit", "cases", "at_risk", "rate", "low", "high", "per"))
    for section in report.sections:
        for unit, rate in {"": section.total, **section.units}.items():
            name = unit or _ALL.in_language(language)
            rows.writerow(
                (
                    report.month,
                    section.definition.id,
                    section.definition.edition.name,
                    _safe(name),
                    *_numbers(rate, section.scale),
                    section.scale,
                )
            )
    return text.getvalue().encode("utf-8-sig")


def as_pdf(report: Report, language: str) -> bytes:
    """The report on A4."""
    buffer = io.BytesIO()
    title = f"{_TITLE.in_language(language)} {report.month}"
    document = SimpleDocTemplate(
        buffer, pagesize=A4, title=title, author="Varsel", leftMargin=18 * mm, rightMargin=18 * mm, invariant=1
    )
    document.build(list(_flow(report, language, title)))
    return buffer.getvalue()


def _section(connection: Connection, definition: Definition, month: str) -> Section:
    edition = definition.edition.name
    cases = [one for one in queries.kept_cases(connection, definition.id, edition) if one.withdrawn_at is None]
    at_risk = [one for one in queries.exposures(connection, definition.id, edition) if _month(one.day) <= month]
    counted = [one.as_count for one in cases if one.is_counted and _month(one.sampled_at) <= month]
    this_month = [one for one in counted if _month(one.day) == month]
    chart = control_chart(chart_kind(definition), by_month(counted, at_risk))
    units = by_unit(this_month, [one for one in at_risk if _month(one.day) == month])
    return Section(
        definition=definition,
        total=Rate(cases=len(this_month), exposure=sum(rate.exposure for rate in units.values())),
        units={unit: rate for unit, rate in units.items() if unit},
        causes=_causes_of(chart, month),
        is_judged=chart.is_judged and any(point.period == month for point in chart.points),
        rejected=len([one for one in cases if not one.is_counted and _month(one.sampled_at) == month]),
    )


def _month(day: date) -> str:
    return day.isoformat()[:7]


def _causes_of(chart: ControlChart, month: str) -> tuple[SpecialCause, ...]:
    return next((point.causes for point in chart.points if point.period == month), ())


def _flow(report: Report, language: str, title: str) -> Iterator[Flowable]:
    styles = getSampleStyleSheet()
    yield Paragraph(title, styles["Title"])
    for words in (_TRENDS_ONLY, report.reading):
        yield Paragraph(words.in_language(language), styles["Normal"])
    for section in report.sections:
        definition = section.definition
        yield Spacer(1, 6 * mm)
        yield Paragraph(f"{definition.title.in_language(language)} ({definition.edition.name})", styles["Heading2"])
        causes = "; ".join(cause_words(cause).in_language(language) for cause in section.causes)
        yield Paragraph(causes or section.no_cause.in_language(language), styles["Normal"])
        yield Spacer(1, 2 * mm)
        yield _table(section, language)


def _table(section: Section, language: str) -> Table:
    rows = [[words.in_language(language) for words in _HEADINGS]]
    for unit, rate in {_ALL.in_language(language): section.total, **section.units}.items():
        cases, at_risk, value, low, high = _numbers(rate, section.scale)
        rows.append([unit, str(cases), str(at_risk), str(value), f"{low} - {high}"])
    rows[0][3] += f" / {section.scale}"
    table = Table(rows, colWidths=[40 * mm, 24 * mm, 30 * mm, 34 * mm, 44 * mm], repeatRows=1)
    table.setStyle(
        TableStyle(
            [
                ("FONTSIZE", (0, 0), (-1, -1), 9),
                ("FONTNAME", (0, 0), (-1, 1), "Helvetica-Bold"),
                ("ALIGN", (1, 0), (-1, -1), "RIGHT"),
                ("LINEBELOW", (0, 0), (-1, -1), 0.25, colors.lightgrey),
            ]
        )
    )
    return table


def _numbers(rate: Rate, scale: int) -> tuple[int, float, float | str, float | str, float | str]:
    value, ends = rate.per(scale), rate.interval(scale)
    low, high = ("", "") if ends is None else (round(ends[0], 2), round(ends[1], 2))
    return rate.cases, round(rate.exposure, 1), "" if value is None else round(value, 2), low, high


def _safe(text: str) -> str:
    """*text* that no spreadsheet takes for a formula: units are named by the record."""
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t"} else text
