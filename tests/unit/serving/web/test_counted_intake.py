"""What the FHIR door refuses is counted once it is kept."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from ehr_io.receive.reading import BundleReading, RefusalCode, ResourceRefusal
from serving.errors import DatabaseDownError
from serving.telemetry.metrics import WebMetrics
from serving.web.counted_intake import CountedIntake

REFUSED = ResourceRefusal(source="Observation/1", reason_code=RefusalCode.UNKNOWN_UNIT, reason="no such unit")
READING = BundleReading(
    bundle_type="batch", patients=(), stays=(), events=(), refusals=(REFUSED,), entries=("Observation/1",)
)


class _Kept:
    async def take(self, reading: BundleReading) -> Sequence[ResourceRefusal]:
        """Keep everything but what names another patient, of which there is one."""
        return [replace(REFUSED, reason_code=RefusalCode.WRONG_PATIENT)]


class _Down:
    async def take(self, reading: BundleReading) -> Sequence[ResourceRefusal]:
        raise DatabaseDownError


def _count(registry: CollectorRegistry, reason: str = "unknown-unit") -> float | None:
    return registry.get_sample_value("varsel_refusals_total", {"door": "fhir", "reason": reason})


def test_a_refused_resource_is_counted_by_its_reason():
    registry = CollectorRegistry()
    asyncio.run(CountedIntake(_Kept(), WebMetrics(registry)).take(READING))
    assert [_count(registry), _count(registry, "wrong-patient")] == [1, 1]


def test_nothing_is_counted_when_nothing_was_kept():
    registry = CollectorRegistry()
    with pytest.raises(DatabaseDownError):
        asyncio.run(CountedIntake(_Down(), WebMetrics(registry)).take(READING))
    assert _count(registry) is None
