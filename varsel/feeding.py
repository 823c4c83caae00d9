"""Sends messages to a receiver and counts its answers."""

from collections import Counter
from collections.abc import Iterable

import typer


def feed_messages(to: str, messages: Iterable[bytes]) -> Counter[str]:
    """Send *messages* to ``HOST:PORT``, each after the answer to the one before; answers by their code.

    Raises:
        typer.BadParameter: *to* is no address.
        MllpError: the receiver is not there, or does not answer.
    """
    from ehr_io.hl7.client import MllpAddress, MllpClient

    host, _, port = to.rpartition(":")
    if not host or not port.isdecimal():
        raise typer.BadParameter(f"'{to}' is not HOST:PORT, e.g. 127.0.0.1:2575")
    counts: Counter[str] = Counter()
    with MllpClient(MllpAddress(host=host, port=int(port))) as client:
        for message in messages:
            counts[client.exchange(message).code.value] += 1
    return counts
