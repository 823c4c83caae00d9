"""Reasons as people read them: features of one measurement, or of measurements that move together, told once.

Contributions of a group are added, so that those shown and the baseline still make the log-odds of the score, to
`models.features.ADDITIVITY_TOLERANCE`. The group bears the name, value and time of its strongest member.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from serving.web.rows import ReasonRow

#: Concepts that tell of the same: the second of each pair stands under the first.
_TOGETHER: Mapping[str, str] = {
    "neutrophils": "leukocytes",
    "neutrophil_share": "leukocytes",
    "lymphocytes": "leukocytes",
    "lymphocyte_share": "leukocytes",
    "monocytes": "leukocytes",
    "monocyte_share": "leukocytes",
    "diastolic_blood_pressure": "systolic_blood_pressure",
    "mean_arterial_pressure": "systolic_blood_pressure",
    "creatinine": "urea",
    "hematocrit": "hemoglobin",
    "erythrocytes": "hemoglobin",
    "bilirubin_direct": "bilirubin",
    "alanine_aminotransferase": "aspartate_aminotransferase",
    "arterial_co2": "arterial_ph",
    "bicarbonate": "arterial_ph",
    "base_excess": "arterial_ph",
    "arterial_oxygen_saturation": "oxygen_saturation",
    "ward": "admission",
}


def group_of(concept: str) -> str:
    """The concept under which *concept* is told."""
    return _TOGETHER.get(concept, concept)


def grouped(reasons: Iterable[ReasonRow], concept_of: Callable[[str], str]) -> tuple[ReasonRow, ...]:
    """*reasons* by group, strongest first; *concept_of* gives the concept of a feature's name."""
    groups: defaultdict[str, list[ReasonRow]] = defaultdict(list)
    for reason in reasons:
        groups[group_of(concept_of(reason.feature))].append(reason)
    told = (_told(members) for members in groups.values())
    return tuple(sorted(told, key=lambda reason: -abs(reason.contribution)))


def _told(members: list[ReasonRow]) -> ReasonRow:
    strongest = max(members, key=lambda reason: abs(reason.contribution))
    return replace(strongest, contribution=sum(one.contribution for one in members), members=len(members))
