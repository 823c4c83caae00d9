"""No interleaving of two nodes, a zombie and its replacement loses or doubles an object, and each rule is needed."""

import pytest

from tests.formal.explorer import Verdict, explore
from tests.formal.lease_ledger import Identity, Model, Rules, State, first_state, judge, judge_end

#: What may go wrong, two at a time; all three at once: see docs/crash-laboratory.md.
TROUBLES = {
    "a kill and a failure of the archive": Rules(burials=0),
    "a burial of the living and a failure of the archive": Rules(kills=0),
    "a burial of the living": Rules(kills=0, failures=0),
    "a machine that is gone for good": Rules(failures=0, burials=0, killed_come_back=False),
    "an archive that cannot be asked": Rules(kills=0, can_query=False, failures=0),
}


def walk(rules: Rules) -> Verdict[State]:
    return explore(first_state(rules), Model(rules=rules).steps, judge, judge_end)


@pytest.mark.parametrize("rules", TROUBLES.values(), ids=TROUBLES)
def test_every_interleaving_ends_with_the_object_at_the_archive_under_one_identity(rules: Rules):
    verdict = walk(rules)

    assert verdict.fault == "", verdict.way
    assert verdict.longest > 0


@pytest.mark.parametrize(
    ("rules", "fault"),
    [
        (Rules(has_fence=False, kills=0), "what was told as delivered is to be sent again"),
        (Rules(has_fresh_epochs=False, kills=0, failures=0), "the case is tried without end"),
        (Rules(sweeps=False, burials=0, failures=0), "the case is stuck"),
        (Rules(puts_back=False, killed_come_back=False, burials=0, failures=0), "the case is stuck"),
        (
            Rules(identity=Identity.DRAWN_BY_THE_SENDING, kills=0, failures=0),
            "the archive holds one object under two identities",
        ),
        (
            Rules(identity=Identity.DRAWN_BY_THE_ANALYSIS, has_fence=False, kills=0, failures=0),
            "the archive holds one object under two identities",
        ),
    ],
    ids=["no fence", "counted epochs", "no sweep", "no putting back", "drawn by the sending", "drawn, and no fence"],
)
def test_without_a_rule_the_model_finds_what_goes_wrong(rules: Rules, fault: str):
    verdict = walk(rules)

    assert verdict.fault == fault
    assert verdict.way


def test_what_is_stored_before_it_is_sent_keeps_its_identity_as_long_as_there_is_a_fence():
    """Derived identities are the second lock on that door: needed when the first is gone, as above."""
    assert walk(Rules(identity=Identity.DRAWN_BY_THE_ANALYSIS, kills=0, failures=0)).fault == ""


def test_the_explorer_tells_a_cycle():
    assert explore(0, lambda n: [("on", (n + 1) % 3)], lambda _: "", lambda _: "").fault == (
        "some interleaving never ends"
    )


def test_the_explorer_finds_the_shortest_way_to_a_fault():
    def steps(number: int) -> list[tuple[str, int]]:
        return [("one", number + 1), ("two", number + 2)] if number < 9 else []

    verdict = explore(0, steps, lambda number: "four" if number == 4 else "", lambda _: "")

    assert (verdict.fault, verdict.way) == ("four", ("two", "two"))
