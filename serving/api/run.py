"""Starts the model service in place of this process."""

import os
import sys
from pathlib import Path
from typing import NoReturn

from serving.api.settings import ApiOptions, environment_of


def run_api(options: ApiOptions) -> NoReturn:
    """Become ``bentoml serve`` with *options*; signals go to BentoML, which stops its worker before it ends."""
    options.work_dir.mkdir(parents=True, exist_ok=True)
    command = command_of(options)
    os.execve(command[0], command, environment_of(options))  # noqa: S606 - our own interpreter, no shell


def command_of(options: ApiOptions) -> list[str]:
    """The command that serves with *options* in :func:`environment_of` them."""
    return [
        sys.executable,
        *("-m", "bentoml", "serve", "serving.api.service:ModelService"),
        *("--host", options.host, "--port", str(options.port), "--api-workers", "1"),
        # BentoML imports from its working directory; so it finds this code wherever we were started.
        *("--working-dir", str(Path(__file__).parents[2])),
    ]
