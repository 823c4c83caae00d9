"""Two invented stays, one with an infection under way and one without, as FHIR Bundles."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from training.phantoms.stay_fhir import to_fhir
from training.phantoms.stays import SyntheticStay, synthesize_stays
from varsel.demo.case import Answer, DemoCase, Expectation
from varsel.demo.words import Words

#: Stays drawn to choose from, from a seed that no training uses.
_DRAWN, _SEED = 300, 424_242
#: So long after an infection began the signs are there and no culture has been taken.
_INTO_INFECTION = timedelta(hours=20)
_INTO_STAY = timedelta(hours=60)


@dataclass(frozen=True, kw_only=True)
class DemoStay:
    """One stay as it is told."""

    #: Logical id of its Encounter.
    stay_id: str
    #: What is posted.
    bundle: Mapping[str, Any]


def stay_cases(run: str, words: Words) -> tuple[DemoCase, ...]:
    """The two stays as cases of the demonstration."""
    answers = (("stay-high", Answer.FINDING), ("stay-low", Answer.NO_FINDING))
    return tuple(
        DemoCase(
            key=key,
            title=words.titles[key],
            case_id=stay.stay_id,
            bundle=stay.bundle,
            expected=Expectation(answers=frozenset({answer}), has_risk=True),
        )
        for (key, answer), stay in zip(answers, high_and_low(run), strict=True)
    )


def high_and_low(run: str) -> tuple[DemoStay, DemoStay]:
    """The stay with the clearest signs of an infection that is under way, and the calmest one; ids end in *run*."""
    drawn = synthesize_stays(_DRAWN, _SEED)
    infected = [(made, made.onset + _INTO_INFECTION) for made in drawn if made.onset is not None]
    calm = [(made, made.admitted_at + _INTO_STAY) for made in drawn if made.onset is None and _lasts(made)]
    highest = max(infected, key=lambda pair: _signs(*pair))
    lowest = min(calm, key=lambda pair: _signs(*pair))
    return _told(*highest, run), _told(*lowest, run)


def _lasts(made: SyntheticStay) -> bool:
    return made.discharged_at > made.admitted_at + _INTO_STAY


def _signs(made: SyntheticStay, until: datetime) -> float:
    """How much speaks for an infection in what was known by *until*: for choosing, not for patients."""
    known = made.stay.as_of(until).events
    recent = [event for event in known if event.event_time > until - timedelta(hours=48)]
    temperatures = [event.value for event in recent if event.code == "temperature" and event.value is not None]
    rise = temperatures[-1] - min(temperatures) if temperatures else 0.0
    has_catheter = any(event.code == "urinary_catheter" for event in known)
    born = next(event.event_time for event in known if event.code == "birth_date")
    # A fever that is too high is another illness as often as not.
    return min(rise, 2.0) + 2.0 * has_catheter + (until - born).days / 365.25 / 40


def _told(made: SyntheticStay, until: datetime, run: str) -> DemoStay:
    stay_id = made.stay.stay_id
    # Each run tells of another stay; the same one again would be a correction of what is known.
    text = json.dumps(to_fhir(made, until)).replace(stay_id, f"{stay_id}-{run}")
    return DemoStay(stay_id=f"{stay_id}-{run}", bundle=json.loads(text))
