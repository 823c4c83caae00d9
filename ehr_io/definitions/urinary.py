"""Hospital-acquired urinary tract infection (HAIBA): a urine culture with at most two organisms, one of them in 10 000
colony-forming units per ml or more, from a patient of at least one year, sampled from 48 h after a contact's start to
48 h after its end.

Source: Statens Serum Institut, mibaen.ssi.dk, case definition "urinary tract infection". The edition of 2019: a new
episode after more than 30 days, the ward of 48 h before the sample. The one before: more than 14 days, the first of a
contact only, the ward of the sample. An older "probable" case without a positive culture (Condell et al., J Hosp Infect
2016) is another definition and not one of these.
"""

from datetime import timedelta

from ehr_io.codes import Words
from ehr_io.definitions.cultures import CultureDefinition, Ruling, place_in_contact
from ehr_io.definitions.edition import Attribution, Edition
from ehr_io.definitions.history import History, Sample, Specimen, birthday, history_of
from ehr_io.definitions.verdict import Outcome, Verdict
from ehr_io.events import Stay

DEFINITION_ID = "haiba-urinary-tract-infection"
MINIMUM_CFU_PER_ML = 10_000
MAXIMUM_ORGANISMS = 2
_MINIMUM_YEARS = 1
_SOURCE = "Statens Serum Institut, HAIBA case definitions, urinary tract infection (mibaen.ssi.dk)"


def judge(stay: Stay) -> tuple[Verdict, ...]:
    """One verdict of the edition in force for each urine culture of *stay*, as if the patient had no other stay."""
    return URINARY_2019.judge(history_of(stay.patient_id, (stay,)))


def _dismiss(sample: Sample, history: History) -> Ruling | None:
    negative = _why_negative(sample)
    if negative is not None:
        return Outcome.NEGATIVE, negative
    if history.born is not None and sample.taken_at < birthday(history.born, _MINIMUM_YEARS):
        return Outcome.TOO_YOUNG, Words(
            en="Positive, but the patient is under one year old.", da="Positiv, men patienten er under et år."
        )
    return None


def _why_negative(sample: Sample) -> Words | None:
    organisms = len(sample.organisms)
    if organisms == 0:
        return Words(en="No growth.", da="Ingen vækst.")
    if organisms > MAXIMUM_ORGANISMS:
        return Words(
            en=f"{organisms} organisms; at most 2 count, more is taken as contamination.",
            da=f"{organisms} mikroorganismer; højst 2 tæller, flere anses for forurening.",
        )
    if sample.cfu_per_ml is None:
        return Words(en="The colony count is not told.", da="Kimtallet er ikke oplyst.")
    if sample.cfu_per_ml < MINIMUM_CFU_PER_ML:
        return Words(
            en=f"{sample.cfu_per_ml:.0f} CFU/ml; at least 10000 are required.",
            da=f"{sample.cfu_per_ml:.0f} CFU/ml; mindst 10000 kræves.",
        )
    return None


def _definition(edition: Edition) -> CultureDefinition:
    return CultureDefinition(
        id=DEFINITION_ID,
        title=Words(en="Urinary tract infection", da="Urinvejsinfektion"),
        edition=edition,
        specimen=Specimen.URINE,
        maturity=timedelta(days=5),
        dismiss=_dismiss,
        settle=place_in_contact,
    )


#: The wording in force.
URINARY_2019 = _definition(
    Edition(
        name="2019",
        new_episode=timedelta(days=30),
        attribution=Attribution.UNIT_48_H_BEFORE,
        source=_SOURCE,
    )
)
#: The one before.
URINARY_2015 = _definition(
    Edition(
        name="2015",
        new_episode=timedelta(days=14),
        attribution=Attribution.SAMPLING_UNIT,
        once_per_contact=True,
        source=_SOURCE,
    )
)
