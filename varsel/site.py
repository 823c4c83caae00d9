"""The programs of one site: what ``varsel up`` runs."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from varsel.programs import Program, accepts_connections, answers

if TYPE_CHECKING:
    from serving.settings.file import Settings


def site_programs(settings: "Settings", settings_path: Path | None) -> tuple[Program, ...]:
    """Model service, worker, pages, DICOM node and, where enabled, the HL7 feed, in the order in which they start."""
    receive, work, web, feed = settings.receive, settings.work, settings.web, settings.feed
    ready = {
        "api": answers(f"{settings.api_url}/v2/health/ready"),
        "work": answers(f"http://{receive.host}:{work.metrics_port}/metrics"),
        "web": answers(f"http://{web.host}:{web.port}/readyz"),
        # Last, and so the first to stop: nothing is taken that nobody works on.
        "receive": accepts_connections(receive.host, receive.port),
    }
    if feed.enabled:
        ready["feed serve"] = accepts_connections(feed.host, feed.port)
    return tuple(
        Program(
            name=name.split(" ")[0],
            command=own_command(settings_path, *name.split(" ")),
            log=settings.site.data_dir / "logs" / f"{name.split(' ')[0]}.log",
            is_ready=is_ready,
        )
        for name, is_ready in ready.items()
    )


def own_command(settings_path: Path | None, *arguments: str) -> tuple[str, ...]:
    """Our own command line with the settings at *settings_path*."""
    options = ("--settings", str(settings_path.resolve())) if settings_path else ()
    return (sys.executable, "-m", "varsel", *options, *arguments)
