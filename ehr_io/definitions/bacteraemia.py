"""Hospital-acquired bacteraemia (HAIBA): a pathogen in a blood culture from 48 h after a contact's start to 48 h after
its end, more than 30 days after the first positive sample of the episode before.

Source: Statens Serum Institut, miba.ssi.dk, case definition "bakteriæmi". The edition of 2019 counts a case to the ward
of 48 h before the sample; the one before to the ward of the sample.
"""

from datetime import timedelta

from ehr_io.codes import Words
from ehr_io.definitions.contaminants import is_contaminant
from ehr_io.definitions.cultures import CultureDefinition, Ruling, place_in_contact
from ehr_io.definitions.edition import Attribution, Edition
from ehr_io.definitions.history import History, Sample, Specimen
from ehr_io.definitions.verdict import Outcome
from ehr_io.organisms import organism_name

DEFINITION_ID = "haiba-bacteraemia"
_SOURCE = "Statens Serum Institut, HAIBA case definitions, bacteraemia (miba.ssi.dk)"
_EPISODE = timedelta(days=30)
_UNCONFIRMED = Words(
    en="Only the beginning of HAIBA's list of contaminants could be read (Acinetobacter to Lactococcus); the skin "
    "organisms that European and American surveillance name alike stand in for the rest.",
    da="Kun begyndelsen af HAIBAs liste over forureninger kunne læses (Acinetobacter til Lactococcus); de hud"
    "bakterier, som europæisk og amerikansk overvågning begge nævner, står i stedet for resten.",
)


def _dismiss(sample: Sample, _history: History) -> Ruling | None:
    if not sample.organisms:
        return Outcome.NEGATIVE, Words(en="No growth.", da="Ingen vækst.")
    if all(is_contaminant(code) for code in sample.organisms):
        names = ", ".join(organism_name(code) for code in sample.organisms)
        return Outcome.CONTAMINATION, Words(
            en=f"Only organisms of the contaminant list: {names}.", da=f"Kun mikroorganismer på listen: {names}."
        )
    return None


def _edition(name: str, attribution: Attribution) -> CultureDefinition:
    return CultureDefinition(
        id=DEFINITION_ID,
        title=Words(en="Bacteraemia", da="Bakteriæmi"),
        edition=Edition(
            name=name, new_episode=_EPISODE, attribution=attribution, source=_SOURCE, unconfirmed=_UNCONFIRMED
        ),
        specimen=Specimen.BLOOD,
        maturity=timedelta(days=5),
        dismiss=_dismiss,
        settle=place_in_contact,
    )


#: The wording in force.
BACTERAEMIA_2019 = _edition("2019", Attribution.UNIT_48_H_BEFORE)
#: The one before.
BACTERAEMIA_2015 = _edition("2015", Attribution.SAMPLING_UNIT)
