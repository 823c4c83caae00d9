"""The two forms in which datasets travel over our DICOMweb doors, and which of them a caller wants (PS3.18 8.7)."""

import json
import secrets
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from dicom_io.native_xml import XML_MEDIA_TYPE, read_native_xml, write_native_xml

_JSON_MEDIA_TYPE = "application/dicom+json"
_MULTIPART = "multipart/related"


class DicomForm(Enum):
    """How a dataset is written."""

    #: The DICOM JSON Model (PS3.18 F), which is answered where a caller does not mind.
    JSON = _JSON_MEDIA_TYPE
    #: The Native DICOM Model (PS3.19 A.1).
    XML = XML_MEDIA_TYPE


#: Media ranges of an Accept header, and of a body; several datasets as XML come as multipart/related.
_FORMS = {
    _JSON_MEDIA_TYPE: DicomForm.JSON,
    "application/json": DicomForm.JSON,
    "application/*": DicomForm.JSON,
    "*/*": DicomForm.JSON,
    XML_MEDIA_TYPE: DicomForm.XML,
}


class MediaTypeError(Exception):
    """The media type of a body, or of the answer that is wanted, is not spoken here."""

    def __init__(self, status: int, text: str) -> None:
        """Keep the HTTP *status* that tells so, and *text*."""
        super().__init__(text)
        self.status = status


def wanted_form(request: Request) -> DicomForm:
    """The form that the caller likes best among those that are spoken here.

    Raises:
        MediaTypeError: it takes neither.
    """
    wishes = [_wish(one) for one in request.headers.get("accept", "*/*").split(",")]
    liked = [(weight, form) for weight, form in wishes if form is not None and weight > 0]
    if not liked:
        raise MediaTypeError(406, f"the answer can only be {_JSON_MEDIA_TYPE} or {XML_MEDIA_TYPE}")
    return max(liked, key=lambda wish: wish[0])[1]


def _wish(media_range: str) -> tuple[float, DicomForm | None]:
    """Weight and form of one member of an Accept header (RFC 9110 12.5.1)."""
    kind, *rest = (one.strip() for one in media_range.lower().split(";"))
    parameters = dict(one.partition("=")[::2] for one in rest)
    if kind == _MULTIPART:
        kind = parameters.get("type", "").strip('"')
        # JSON never comes in parts.
        return _weight(parameters), DicomForm.XML if kind == XML_MEDIA_TYPE else None
    return _weight(parameters), _FORMS.get(kind)


def _weight(parameters: Mapping[str, str]) -> float:
    try:
        return float(parameters.get("q", "1"))
    except ValueError:
        return 0.0


def answer_of(dataset: Any, form: DicomForm, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """*dataset*, in the DICOM JSON Model, as an answer in that *form*."""
    body = write_native_xml(dataset) if form is DicomForm.XML else json.dumps(dataset).encode()
    return Response(body, status_code=status, headers=dict(headers or {}), media_type=form.value)


def answer_of_several(datasets: Sequence[Any], form: DicomForm) -> Response:
    """*datasets* as one answer: a JSON array, or one part of a multipart body each (PS3.18 8.6.1.2)."""
    if form is DicomForm.JSON:
        return Response(json.dumps(datasets), media_type=form.value)
    boundary = secrets.token_hex(16)
    head = f"--{boundary}\r\nContent-Type: {XML_MEDIA_TYPE}\r\n\r\n".encode()
    parts = [head + write_native_xml(one) + b"\r\n" for one in datasets]
    kind = f'{_MULTIPART}; type="{XML_MEDIA_TYPE}"; boundary={boundary}'
    return Response(b"".join(parts) + f"--{boundary}--\r\n".encode(), headers={"Content-Type": kind})


def form_of_body(request: Request) -> DicomForm:
    """The form that a body says it is in.

    Raises:
        MediaTypeError: it says another.
    """
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    form = _FORMS.get(said)
    if form is None or "*" in said:
        raise MediaTypeError(415, f"the body must be {_JSON_MEDIA_TYPE} or {XML_MEDIA_TYPE}")
    return form


def read_dataset(body: bytes, form: DicomForm) -> Any:
    """The one dataset in *body*, in the DICOM JSON Model as far as anybody has looked.

    Raises:
        NotDicomError: it is no Native DICOM Model.
        ValueError: it is no JSON, or holds none or several datasets.
        RecursionError: it is nested beyond all bounds.
    """
    if form is DicomForm.XML:
        return read_native_xml(body)
    said = json.loads(body)
    (one,) = said if isinstance(said, list) else [said]
    return one
