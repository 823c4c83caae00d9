"""Where a manager's events are listened for."""

import httpx
import pytest

from dicom_io.ups.events import EventChannel, channel_url

MANAGER = httpx.URL("https://ris.example/dicomweb/")


@pytest.mark.parametrize(
    ("named", "listened"),
    [
        ("wss://ris.example:9443/events/VARSEL", "wss://ris.example:9443/events/VARSEL"),
        ("", "wss://ris.example/dicomweb/ws/subscribers/VARSEL"),
        ("wss://elsewhere.example/events", "wss://ris.example/dicomweb/ws/subscribers/VARSEL"),
        ("https://ris.example/events", "wss://ris.example/dicomweb/ws/subscribers/VARSEL"),
    ],
    ids=["named", "not named", "another host", "no channel"],
)
def test_events_are_listened_for_at_the_manager_alone(named: str, listened: str):
    assert channel_url(MANAGER, named, "VARSEL") == listened


def test_a_channel_whose_client_is_closed_as_it_opens_ends_quietly():
    """A thread that ends by an error is an error of the test run."""
    http = httpx.Client(base_url=MANAGER)
    http.close()
    channel = EventChannel(http)

    channel.open("", "VARSEL")

    assert channel._thread is not None
    channel._thread.join(timeout=30)
    assert not channel._thread.is_alive()
