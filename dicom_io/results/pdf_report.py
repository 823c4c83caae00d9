"""Encapsulated PDF (PS3.3 A.45.1): the answer on a page, for people whose viewer shows no SR."""

import io
from collections.abc import Iterator
from functools import cache
from importlib.resources import files

from pydicom.uid import EncapsulatedPDFStorage
from reportlab.lib.pagesizes import A4
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas

from dicom_io.findings import Finding, Report
from dicom_io.results.draft import Draft, draft
from dicom_io.results.encoding import element, reference, sequence, text
from dicom_io.results.kinds import ResultKind
from dicom_io.results.picture import DrawnPicture
from dicom_io.results.provenance import Provenance, content_time, heading
from dicom_io.results.source import SourceSeries
from dicom_io.results.wording import words_of

SERIES_NUMBER = 961

_MARGIN, _LINE = 56.0, 16.0
_TEXT_SIZE, _TITLE_SIZE = 10, 16
#: Most of a page's text; what does not fit stands in the SR.
_MOST_LINES = 24


def pdf_report(report: Report, drawn: DrawnPicture | None, provenance: Provenance, sources: SourceSeries) -> Draft:
    """The report as one page: warning, patient, outcome, findings or the reason for none, and the picture."""
    words = words_of(report.language)
    source = sources.images[0][1] if drawn is None else sources.instance(drawn.image.sop_instance_uid)
    elements = (
        *content_time(provenance),
        text(0x0008002A, "DT", provenance.date + provenance.time),
        text(0x00080064, "CS", "WSD"),
        text(0x00280301, "CS", "YES"),
        sequence(0x0040A043),
        text(0x00420010, "ST", f"AI - {words.warning} - {words.parts['title']}"),
        element(0x00420011, "OB", _page(report, drawn, provenance, sources)),
        text(0x00420012, "LO", "application/pdf"),
        sequence(0x00420013, reference(source.sop_class_uid, source.sop_instance_uid)),
    )
    series = (SERIES_NUMBER, f"AI - {words.warning} - {report.algorithm.name}")
    head = heading(provenance, EncapsulatedPDFStorage, "DOC", series, ["pdf"])
    return draft(ResultKind.PDF, head, provenance, elements)


def _page(report: Report, drawn: DrawnPicture | None, provenance: Provenance, sources: SourceSeries) -> bytes:
    words, buffer = words_of(report.language), io.BytesIO()
    # Invariant: no clock and no random identifier, so that a repeated report is the same object.
    page = Canvas(buffer, pagesize=A4, invariant=1, pageCompression=1)
    page.setTitle(words.parts["title"])
    page.setFont(_font(), _TITLE_SIZE)
    page.drawString(_MARGIN, A4[1] - _MARGIN, f"AI - {words.warning}")
    height = A4[1] - _MARGIN - 2 * _LINE
    page.setFont(_font(), _TEXT_SIZE)
    for line in [*_lines(report, provenance, sources)][:_MOST_LINES]:
        page.drawString(_MARGIN, height, line)
        height -= _LINE
    if drawn is not None:
        _place(page, drawn, height)
    page.showPage()
    page.save()
    return buffer.getvalue()


def _lines(report: Report, provenance: Provenance, sources: SourceSeries) -> Iterator[str]:
    words = words_of(report.language)
    parts, algorithm = words.parts, report.algorithm
    yield parts["title"]
    yield f"{parts['patient']}: {sources.text('PatientName').replace('^', ' ').strip()}  {sources.text('PatientID')}"
    study = (sources.text("StudyDescription"), sources.text("StudyDate"), sources.text("AccessionNumber"))
    yield f"{parts['study']}: {'  '.join(filter(None, study))}"
    yield f"{parts['model']}: {algorithm.name} {algorithm.version} ({algorithm.digest[:12]})"
    yield f"{parts['time']}: {provenance.moment:%Y-%m-%d %H:%M}"
    yield parts["unverified"]
    yield ""
    yield words.outcomes[report.outcome] + (f": {report.reason}" if report.reason else "")
    for finding in report.findings:
        yield _told(finding, report.language)


def _told(finding: Finding, language: str) -> str:
    parts = words_of(language).parts
    numbers = "".join(f", {one.concept.meaning} {one.value:g} {one.unit.meaning}" for one in finding.measurements)
    return (
        f"- {finding.text}: {parts['probability']} {finding.probability:.0%} "
        f"({parts['threshold']} {finding.threshold:.0%}){numbers}"
    )


def _place(page: Canvas, drawn: DrawnPicture, top: float) -> None:
    """The picture below the text, as large as the rest of the page takes."""
    rows, columns = drawn.size
    scale = min((A4[0] - 2 * _MARGIN) / columns, (top - _MARGIN) / rows)
    picture = ImageReader(io.BytesIO(drawn.jpeg))
    page.drawImage(picture, _MARGIN, top - rows * scale, columns * scale, rows * scale)


@cache
def _font() -> str:
    """Noto Sans: the fonts that every PDF reader has lack letters of our patients' names."""
    file = files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf"
    pdfmetrics.registerFont(TTFont("NotoSans", io.BytesIO(file.read_bytes())))
    return "NotoSans"
