"""Where a sample lies between the contacts of a patient: the 48-hour windows before and after."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from ehr_io.codes import Words
from ehr_io.definitions.edition import WINDOW, Attribution
from ehr_io.definitions.history import Contact, History


@dataclass(frozen=True, kw_only=True)
class Place:
    """One moment between the contacts of a patient."""

    #: When, UTC.
    moment: datetime
    #: The contact in whose window it lies: 48 h after its start until 48 h after its end; None outside every window.
    within: Contact | None
    #: The newest contact that began by then; None when there is none.
    latest: Contact | None
    #: The newest contact that ended before *latest* began, or by then where none goes on; None when there is none.
    before: Contact | None

    def unit(self, attribution: Attribution) -> str:
        """The unit that a sample within a window counts to; empty outside every window, or when not known."""
        if self.within is None:
            return ""
        back = WINDOW if attribution is Attribution.UNIT_48_H_BEFORE else timedelta()
        return self.within.ward_at(self.moment - back)

    @property
    def stay_id(self) -> str:
        """The last stay of the contact that the moment lies in, or follows; empty when there is none."""
        contact = self.within or self.latest
        return "" if contact is None else contact.stay_ids[-1]


def place(history: History, moment: datetime) -> Place:
    """Where *moment* lies. With two windows over it the older contact's holds: what it caused shows in the next."""
    begun = [contact for contact in history.contacts if contact.start <= moment]
    latest = begun[-1] if begun else None
    ended = [one for one in begun if one.end is not None and (one is not latest or one.end < moment)]
    return Place(
        moment=moment,
        within=next((contact for contact in begun if _holds(contact, moment)), None),
        latest=latest,
        before=ended[-1] if ended else None,
    )


def _holds(contact: Contact, moment: datetime) -> bool:
    is_in_time = contact.end is None or moment - contact.end <= WINDOW
    return moment - contact.start >= WINDOW and is_in_time


def where(found: Place) -> Words:
    """In words how *found* lies to its contact, without a full stop."""
    contact = found.within or found.latest
    if contact is None:
        return Words(en="no contact with the hospital is known before", da="ingen tidligere sygehuskontakt kendes")
    start = hours(found.moment - contact.start)
    if contact.end is None or found.moment <= contact.end:
        return Words(en=f"{start} h after the contact began", da=f"{start} timer efter kontaktens start")
    end = hours(found.moment - contact.end)
    assumed = Words(en=" (the discharge was never told)", da=" (udskrivningen er aldrig meddelt)")
    is_assumed = contact.end_is_assumed
    return Words(
        en=f"{start} h after the contact began and {end} h after it ended{assumed.en if is_assumed else ''}",
        da=f"{start} timer efter kontaktens start og {end} timer efter dens slut{assumed.da if is_assumed else ''}",
    )


def sentence(parts: Iterable[Words]) -> Words:
    """*parts* as sentences one after the other."""
    told = tuple(parts)
    return Words(en=" ".join(part.en for part in told), da=" ".join(part.da for part in told))


def hours(span: timedelta) -> str:
    """*span* in hours, one decimal; never rounded up over a limit of the definitions."""
    return f"{int(span.total_seconds() / 360) / 10:.1f}"


def days(span: timedelta) -> str:
    """*span* in days, one decimal, not rounded up."""
    return f"{int(span.total_seconds() / 8640) / 10:.1f}"
