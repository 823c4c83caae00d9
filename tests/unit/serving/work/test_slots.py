"""How much may run at once."""

from serving.work.slots import Begun, Slots


def test_a_lane_is_full_at_its_limit_and_free_after_an_end():
    slots = Slots({"analyse": 2})
    slots.claim("analyse", "a")
    slots.claim("analyse", "b")
    assert slots.free("analyse") == 0

    slots.end("analyse", "a")

    assert slots.free("analyse") == 1


def test_a_run_from_before_a_crash_is_told_from_one_that_was_claimed_here():
    slots = Slots({"analyse": 2})
    slots.claim("analyse", "a")

    assert slots.begin("analyse", "a") is Begun.CLAIMED
    assert slots.begin("analyse", "b") is Begun.TAKEN_UP


def test_work_that_is_being_done_is_not_begun_by_another_run_until_it_ended():
    slots = Slots({"analyse": 2})
    slots.claim("analyse", "a")
    slots.begin("analyse", "a")

    assert slots.begin("analyse", "a") is Begun.BUSY
    assert slots.count() == 1
    slots.end("analyse", "a")
    assert slots.begin("analyse", "a") is Begun.TAKEN_UP


def test_only_what_nobody_works_on_is_unattended():
    slots = Slots({"analyse": 2})
    slots.claim("analyse", "running")
    slots.expect(["resumed"])

    assert slots.unattended(["running", "resumed", "left"]) == ("left",)


def test_a_resumed_run_that_ended_is_not_expected_any_more():
    slots = Slots({"analyse": 2})
    slots.expect(["resumed"])
    slots.begin("analyse", "resumed")

    slots.end("analyse", "resumed")

    assert slots.unattended(["resumed"]) == ("resumed",)
