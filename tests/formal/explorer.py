"""Walks every state that a model can reach, breadth first, so that the first fault found has the shortest way to it."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

_State = TypeVar("_State", bound=Hashable)
#: Names the step and gives the state after it.
Steps = Callable[[_State], Iterable[tuple[str, _State]]]
#: What is wrong with a state; empty when nothing is.
Judge = Callable[[_State], str]


@dataclass(frozen=True, kw_only=True)
class Verdict(Generic[_State]):
    """What a walk found."""

    #: States reached.
    states: int
    #: States from which no step leads on.
    ends: int
    #: Longest way from the first state to an end, in steps; 0 when there is a fault.
    longest: int
    #: The first fault; empty when there is none.
    fault: str = ""
    #: The steps that lead to it.
    way: tuple[str, ...] = ()


def explore(first: _State, steps: Steps[_State], judge: Judge[_State], judge_end: Judge[_State]) -> Verdict[_State]:
    """Every state reached from *first* by *steps*, judged; those without a further step by *judge_end* too.

    A cycle is a fault: some interleaving would never end.
    """
    # States are known by number: to hash one costs more than to make it.
    numbers: dict[_State, int] = {first: 0}
    came: list[tuple[int, str]] = [(0, "")]
    arrows: list[tuple[int, ...]] = []
    waiting = deque([first])
    ends = 0
    while waiting:
        state = waiting.popleft()
        after = []
        for name, one in steps(state):
            number = numbers.setdefault(one, len(numbers))
            if number == len(came):
                came.append((len(arrows), name))
                waiting.append(one)
            after.append(number)
        ends += not after
        fault = judge(state) or ("" if after else judge_end(state))
        if fault:
            way = _way(len(arrows), came)
            return Verdict(states=len(came), ends=ends, longest=0, fault=fault, way=way)
        arrows.append(tuple(after))
    longest = _longest(arrows)
    return Verdict(
        states=len(came), ends=ends, longest=longest, fault="" if longest else "some interleaving never ends"
    )


def _way(number: int, came: list[tuple[int, str]]) -> tuple[str, ...]:
    names: list[str] = []
    while number:
        number, name = came[number]
        names.append(name)
    return tuple(reversed(names))


def _longest(arrows: list[tuple[int, ...]]) -> int:
    """Steps of the longest way from the first state; 0 when the arrows form a cycle (Kahn 1962)."""
    into = [0] * len(arrows)
    for after in arrows:
        for one in after:
            into[one] += 1
    far = [0] * len(arrows)
    ready = [0] if not into[0] else []
    done = 0
    while ready:
        number = ready.pop()
        done += 1
        for one in arrows[number]:
            far[one] = max(far[one], far[number] + 1)
            into[one] -= 1
            if not into[one]:
                ready.append(one)
    return max(far) if done == len(arrows) else 0
