"""What people send from a page: read, refused when it makes no sense or comes from another site."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request

from ehr_io.results.card import OVERRIDE_REASONS
from serving.alerts.reviews import ReviewKind

#: Hours that a stay can be snoozed for.
SNOOZE_HOURS = (4, 8, 12, 24)
#: Why a risk is rejected, on a card as on a page.
RISK_REASONS = OVERRIDE_REASONS
_MAX_FORM_FIELDS = 12
_MAX_COMMENT = 2000
#: A comment in UTF-8 and the other fields.
_MAX_BODY_BYTES = 32 * 1024


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a form said."""

    #: What was said.
    kind: ReviewKind
    #: One of a closed set; empty when the kind asks for none.
    reason_code: str
    #: What was written.
    comment: str
    #: Who.
    reviewer: str
    #: End of a snooze, UTC.
    until: datetime | None


async def read_answer(request: Request, kinds: frozenset[ReviewKind], reasons: frozenset[str], user: str) -> Answer:
    """The answer that the form of *request* gives; *user* is who is signed on, empty when nobody is.

    Raises:
        HTTPException: 400 when a field is missing or impossible, 403 when the form is not one of our own pages.
    """
    refuse_other_sites(request)
    if int(request.headers.get("content-length") or 0) > _MAX_BODY_BYTES:
        raise HTTPException(413)
    async with request.form(max_files=0, max_fields=_MAX_FORM_FIELDS) as form:
        kind = _kind(form, kinds)
        reason = _text(form, "reason", 64)
        needs_reason = kind is ReviewKind.REJECTED
        reviewer = user or _text(form, "reviewer", 128)
        if not reviewer or (needs_reason and reason not in reasons):
            raise HTTPException(400)
        return Answer(
            kind=kind,
            reason_code=reason if needs_reason else "",
            comment=_text(form, "comment", _MAX_COMMENT),
            reviewer=reviewer,
            until=_until(form) if kind is ReviewKind.SNOOZED else None,
        )


def refuse_other_sites(request: Request) -> None:
    """A form on another site's page would be sent with our user's sign-on; browsers tell where a form came from.

    Raises:
        HTTPException: 403 when *request* is not one of our own pages.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    # Our pages send no referrer, so browsers give their forms the origin "null"; the newer header tells more.
    is_other = site not in {"same-origin", "none"}
    if site is None:
        is_other = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if is_other:
        raise HTTPException(403)


def _kind(form: FormData, kinds: frozenset[ReviewKind]) -> ReviewKind:
    told = _text(form, "kind", 16)
    found = next((kind for kind in kinds if kind.value == told), None)
    if found is None:
        raise HTTPException(400)
    return found


def _until(form: FormData) -> datetime:
    told = _text(form, "hours", 3)
    hours = next((hours for hours in SNOOZE_HOURS if str(hours) == told), None)
    if hours is None:
        raise HTTPException(400)
    return datetime.now(UTC) + timedelta(hours=hours)


def _text(form: FormData, name: str, longest: int) -> str:
    value = form.get(name, "")
    if not isinstance(value, str) or len(value) > longest:
        raise HTTPException(400)
    return value.strip()
