"""Infection with Clostridioides difficile (HAIBA): positive by culture or PCR in faeces, toxigenic, over two years old.

Hospital onset (HOHA): from 48 h after a contact's start to 48 h after its end. Community onset (COHA): more than 48 h
and at most 30 days after a contact, or less than 48 h after an admission that followed a contact by at most 30 days.

Source: Statens Serum Institut, mibaen.ssi.dk, case definition "Clostridioides difficile infection". Its rule for a new
episode could not be read; eight weeks are those of the European protocol (ECDC).
"""

from datetime import datetime, timedelta

from ehr_io.codes import Words
from ehr_io.definitions.cultures import CultureDefinition, Ruling
from ehr_io.definitions.edition import Attribution, Edition
from ehr_io.definitions.history import Contact, History, Sample, Specimen, birthday
from ehr_io.definitions.verdict import Outcome
from ehr_io.definitions.windows import Place, days, where

DEFINITION_ID = "haiba-clostridioides-difficile"
#: SNOMED CT of the organism, and the token of a strain without toxin.
ORGANISM, NOT_TOXIGENIC = "5933001", "non-toxigenic"
_SOURCE = "Statens Serum Institut, HAIBA case definitions, C. difficile (mibaen.ssi.dk); new episode: ECDC"
_UNCONFIRMED = Words(
    en="HAIBA's rule for a new episode could not be read; eight weeks are those of the European protocol (ECDC).",
    da="HAIBAs regel for en ny episode kunne ikke læses; otte uger er den europæiske protokols (ECDC).",
)
#: Over two years: on the second birthday a child is two, and not over it.
_OVER_YEARS = 2
_AFTER_CONTACT = timedelta(days=30)


def _dismiss(sample: Sample, history: History) -> Ruling | None:
    if ORGANISM not in sample.organisms:
        return Outcome.NEGATIVE, Words(en="C. difficile was not found.", da="C. difficile blev ikke fundet.")
    if NOT_TOXIGENIC in sample.organisms:
        return Outcome.NEGATIVE, Words(en="The strain makes no toxin.", da="Stammen danner ikke toksin.")
    if history.born is not None and sample.taken_at.date() <= birthday(history.born, _OVER_YEARS).date():
        return Outcome.TOO_YOUNG, Words(
            en="Positive, but the patient is not older than two years.", da="Positiv, men patienten er ikke over to år."
        )
    return None


def _settle(found: Place) -> Ruling:
    at = where(found)
    if found.within is not None:
        return Outcome.HOSPITAL_ONSET, Words(
            en=f"Hospital-acquired with onset in hospital (HOHA) because the positive sample was taken {at.en}.",
            da=f"Sygehuserhvervet med debut på sygehus (HOHA), fordi den positive prøve blev taget {at.da}.",
        )
    if found.latest is None:
        return Outcome.UNDECIDABLE, Words(
            en="Positive, but no contact with the hospital is known.", da="Positiv, men ingen sygehuskontakt kendes."
        )
    is_admitted = found.latest.end is None or found.moment <= found.latest.end
    until = found.latest.start if is_admitted else found.moment
    return _onset_outside(found.before, None if found.before is None else until - _end(found.before), at)


def _onset_outside(before: Contact | None, since: timedelta | None, at: Words) -> Ruling:
    if before is not None and since is not None and since <= _AFTER_CONTACT:
        return Outcome.COMMUNITY_ONSET, Words(
            en=f"Hospital-acquired with onset outside (COHA) because a contact ended {days(since)} days before; the "
            f"sample was taken {at.en}.",
            da=f"Sygehuserhvervet med debut uden for sygehus (COHA), fordi en kontakt sluttede {days(since)} døgn før; "
            f"prøven blev taget {at.da}.",
        )
    return Outcome.COMMUNITY_ACQUIRED, Words(
        en=f"Not hospital-acquired: the sample was taken {at.en}, and no contact ended in the 30 days before.",
        da=f"Ikke sygehuserhvervet: prøven blev taget {at.da}, og ingen kontakt sluttede i de 30 døgn før.",
    )


def _end(contact: Contact) -> datetime:
    return contact.end or contact.last_seen


def _edition(name: str, attribution: Attribution) -> CultureDefinition:
    return CultureDefinition(
        id=DEFINITION_ID,
        title=Words(en="C. difficile infection", da="C. difficile-infektion"),
        edition=Edition(
            name=name,
            new_episode=timedelta(weeks=8),
            attribution=attribution,
            source=_SOURCE,
            unconfirmed=_UNCONFIRMED,
        ),
        specimen=Specimen.FAECES,
        maturity=timedelta(days=3),
        dismiss=_dismiss,
        settle=_settle,
    )


#: The wording in force.
CLOSTRIDIOIDES_2019 = _edition("2019", Attribution.UNIT_48_H_BEFORE)
#: The one before.
CLOSTRIDIOIDES_2015 = _edition("2015", Attribution.SAMPLING_UNIT)
