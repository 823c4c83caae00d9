"""Which releases apply to which case: rules are data, a match is a value, nothing is evaluated."""

from collections.abc import Iterable
from dataclasses import dataclass

from dicom_io.study import Series, Study
from serving.errors import RuleError
from serving.settings.file import Rule


@dataclass(frozen=True, kw_only=True)
class Route:
    """One rule that matched one case."""

    #: Name of the rule.
    rule: str
    #: Model and alias it asks for.
    model: str
    alias: str
    #: 0 acute, 1 urgent, 2 routine, 3 backfill.
    priority: int
    #: Whose word made it that, why, and until when it holds; empty where the rule's own priority stands.
    urgency: str = ""


def match_study(study: Study, rules: Iterable[Rule]) -> tuple[Route, ...]:
    """The routes of *study*, at most one a model, in the order of the rules."""
    routes: dict[str, Route] = {}
    for rule in rules:
        if rule.kind == "imaging" and any(_takes(rule, study, series) for series in study.series):
            routes.setdefault(rule.model, _route(rule))
    return tuple(routes.values())


def match_stay(rules: Iterable[Rule], *, on_clock: bool = False) -> tuple[Route, ...]:
    """The routes of a stay: every rule for stays; *on_clock* those for scores that no event asked for."""
    asked = (rule for rule in rules if rule.kind == "stay" and (rule.on_clock or not on_clock))
    return tuple({rule.model: _route(rule) for rule in asked}.values())


def route_named(name: str, rules: Iterable[Rule]) -> Route:
    """The route of the rule for studies called *name*.

    Raises:
        RuleError: there is none.
    """
    for rule in rules:
        if rule.kind == "imaging" and rule.name == name:
            return _route(rule)
    raise RuleError(f"there is no rule for studies called '{name[:48]}'; required: the name of one in the settings")


def _takes(rule: Rule, study: Study, series: Series) -> bool:
    words = f"{study.description} {series.description}".casefold()
    return (
        (not rule.modalities or series.modality in rule.modalities)
        and (not rule.body_parts or series.body_part in ("", *rule.body_parts))
        and rule.description_contains.casefold() in words
    )


def _route(rule: Rule) -> Route:
    return Route(rule=rule.name, model=rule.model, alias=rule.alias, priority=rule.priority)
