"""One connection to the model service for each release in use."""

import threading

from models.release import Release
from serving.api.client import RemoteRuntime


class RemoteRuntimes:
    """Gives the RemoteRuntime of a release, pinned to its digest, and keeps it open."""

    def __init__(self, base_url: str, timeout_seconds: float) -> None:
        """Reach the model service at *base_url*; an answer later than *timeout_seconds* counts as none."""
        self._base_url = base_url
        self._timeout_seconds = timeout_seconds
        self._open: dict[str, RemoteRuntime] = {}
        self._lock = threading.Lock()

    def of(self, release: Release) -> RemoteRuntime:
        """The runtime that answers with exactly this release."""
        with self._lock:
            if release.digest not in self._open:
                self._open[release.digest] = RemoteRuntime(
                    self._base_url,
                    release.manifest.name,
                    release.short_digest,
                    timeout_seconds=self._timeout_seconds,
                )
            return self._open[release.digest]

    def close(self) -> None:
        """Close every connection."""
        with self._lock:
            for runtime in self._open.values():
                runtime.close()
            self._open.clear()
