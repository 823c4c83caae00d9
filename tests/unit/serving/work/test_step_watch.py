"""A step that does not end costs its process, and its try counts with the reason."""

from serving.telemetry.metric_table import Stage
from serving.work.step_watch import StepWatch


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def watch_on(clock: Clock, told: list[str]) -> StepWatch:
    limits = {Stage.DECODE: 10.0, Stage.INFER: 100.0}
    return StepWatch(limits, lambda: told.append("stop"), clock)


def test_a_step_beyond_its_limit_is_noticed_once_and_named():
    clock, told = Clock(), []
    watch = watch_on(clock, told)

    with watch.step("item", Stage.DECODE):
        clock.now += 10
        watch.look()
        assert told == []
        clock.now += 0.1
        watch.look()
        watch.look()
        (late,) = watch.overdue()

    assert told == ["stop"]
    assert (late.subject_id, late.stage) == ("item", Stage.DECODE)


def test_each_stage_has_its_own_limit_and_its_own_beginning():
    clock, told = Clock(), []
    watch = watch_on(clock, told)

    with watch.step("item", Stage.DECODE):
        clock.now += 9
    with watch.step("item", Stage.INFER):
        clock.now += 99
        watch.look()

    assert told == []


def test_a_step_that_ended_after_all_is_not_settled():
    clock, told = Clock(), []
    watch = watch_on(clock, told)
    with watch.step("item", Stage.DECODE):
        clock.now += 11
        watch.look()

    assert watch.overdue() == ()


def test_a_stage_without_a_limit_may_take_for_ever():
    clock, told = Clock(), []
    watch = watch_on(clock, told)
    with watch.step("item", Stage.COMPOSE):
        clock.now += 1e9
        watch.look()

    assert told == []
