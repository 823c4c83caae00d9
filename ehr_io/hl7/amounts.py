"""OBX-5 as an amount: a number (HL7 v2.5.1 2.A.47, NM) or a structured one (2.A.70, SN)."""

import re

from ehr_io.amounts import Amount, Comparator
from ehr_io.hl7.message import Segment
from ehr_io.receive.reading import RefusalCode, RefusedError

_NUMBER = r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]{1,2})?"
#: Laboratories write limits and ranges into plain numbers too.
_WRITTEN = re.compile(rf"(<=|>=|<|>|=)?\s*({_NUMBER})(?:\s*-\s*({_NUMBER}))?")
#: What nearly all values are; looked for first.
_USUAL = re.compile(r"[0-9]+(?:\.[0-9]+)?")
#: "1,250" is one and a quarter in Denmark and twelve hundred and fifty in England; "0,125" can only be the former.
_EITHER = re.compile(r"[+-]?[1-9][0-9]{0,2},[0-9]{3}")
#: Nobody counts thousandths of a colony: there the point parts thousands as well.
_EITHER_COUNT = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")


def amount(segment: Segment, *, is_count: bool = False) -> Amount:
    """The amount in OBX-5 of *segment*; *is_count* = it counts something.

    Raises:
        RefusedError: it is none, several, or can be read in two ways.
    """
    if not is_count and _USUAL.fullmatch(segment.raw(5)):
        return Amount(value=float(segment.raw(5)))
    repetitions = segment.repetitions(5)
    if len(repetitions) > 1:
        raise _refused(f"OBX-5 holds {len(repetitions)} values; one an OBX is required")
    written = _structured(segment) if segment.text(2) == "SN" else _plain(segment)
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise _refused("OBX-5 is no number; a number is required")
    comparator, value, end = found.groups()
    if any(one and (_EITHER_COUNT if is_count else _EITHER).fullmatch(one) for one in (value, end)):
        raise _refused("OBX-5 can be read in two ways: thousands or decimals; write it without parting thousands")
    return Amount(value=float(value.replace(",", ".")), comparator=_comparator(comparator, end))


def _comparator(sign: str | None, end: str | None) -> Comparator | None:
    if end is not None:
        return Comparator.AT_LEAST
    return Comparator(sign) if sign and sign != "=" else None


def _structured(segment: Segment) -> str:
    comparator, first, sign, second = (segment.text(5, component) for component in (1, 2, 3, 4))
    if sign and sign != "-":
        raise _refused(f"OBX-5 is a ratio or titre ('{sign[:1]}'); a number is required")
    return f"{comparator}{first}{sign}{second}".strip()


def _plain(segment: Segment) -> str:
    separators = segment.separators
    if separators.component in segment.raw(5) or separators.subcomponent in segment.raw(5):
        raise _refused("OBX-5 is a number with components; one number is required, its signs escaped (2.7.1)")
    return segment.text(5).strip()


def _refused(reason: str) -> RefusedError:
    return RefusedError(RefusalCode.IMPOSSIBLE_VALUE, reason)
