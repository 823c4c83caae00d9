"""Starts the model service in place of this process."""

import os
import sys
from typing import NoReturn

from serving.api.settings import ApiOptions, environment_of


def run_api(options: ApiOptions) -> NoReturn:
    """Become the model service with *options*."""
    options.work_dir.mkdir(parents=True, exist_ok=True)
    arguments = command()
    os.execve(arguments[0], arguments, environment_of(options))  # noqa: S606 - our own interpreter, no shell


def command() -> list[str]:
    """What serves with the options that :func:`environment_of` put into its environment."""
    return [sys.executable, "-m", "serving.api.process"]
