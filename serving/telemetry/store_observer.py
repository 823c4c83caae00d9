"""Counts what a store door answered."""

from dicom_io.receive.neck import Verdict
from serving.telemetry.metrics import StoreMetrics


class CountedStores:
    """Implements ``dicom_io.receive.neck.StoreObserver``."""

    def __init__(self, metrics: StoreMetrics) -> None:
        """Tell *metrics*."""
        self._metrics = metrics

    def took(self, verdict: Verdict) -> None:
        """Count *verdict*."""
        self._metrics.received(verdict.status.value, verdict.size_bytes, verdict.seconds)
