"""Telling systemd how this process is: sd_notify(3), one datagram a word, without a library."""

import contextlib
import socket


class Notifier:
    """Says READY, WATCHDOG and STOPPING to whoever listens; to nobody without an address."""

    def __init__(self, address: str) -> None:
        """Speak to the socket at *address*; ``@`` at its beginning names one in Linux's abstract name space."""
        self._address = f"\0{address[1:]}" if address.startswith("@") else address

    def ready(self) -> None:
        """This process has started and does its work."""
        self._say("READY=1")

    def alive(self) -> None:
        """This process is well; said more often than WatchdogSec, else systemd starts it anew."""
        self._say("WATCHDOG=1")

    def stopping(self) -> None:
        """This process ends, as it was told."""
        self._say("STOPPING=1")

    def _say(self, word: str) -> None:
        if not self._address:
            return
        # Whoever supervises us may be starting anew itself; that is no reason for us to stop.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
            speaker.sendto(word.encode(), self._address)
