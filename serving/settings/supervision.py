"""What systemd tells a process that it has started; not in ``varsel.toml``, since it is not the site's to say."""

import os


def notify_address() -> str:
    """Address of the socket that systemd listens on (sd_notify(3)); empty when nobody does."""
    return os.environ.get("NOTIFY_SOCKET", "")
