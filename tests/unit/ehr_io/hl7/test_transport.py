"""MLLP and ER7: where a message ends, what it says, how it is answered."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from factories.hl7 import message
from hypothesis import given, settings
from hypothesis import strategies as st

from ehr_io.errors import MllpError, NotHl7Error
from ehr_io.hl7.acknowledgement import (
    AckCode,
    Acknowledgement,
    ErrorCondition,
    read_acknowledgement,
    write_acknowledgement,
)
from ehr_io.hl7.client import MllpAddress, MllpClient
from ehr_io.hl7.framing import Deframer, frame
from ehr_io.hl7.message import Separators, parse
from ehr_io.hl7.server import MllpServer, MllpSettings

NOW = datetime(2026, 1, 10, 11, tzinfo=UTC)


def _accept(body: bytes) -> bytes:
    told = parse(body)
    return write_acknowledgement(Acknowledgement(code=AckCode.ACCEPT, control_id=told.control_id), told, NOW)


@contextmanager
def _listening(settings: MllpSettings, tls: ssl.SSLContext | None = None) -> Iterator[MllpServer]:
    server = MllpServer(settings, _accept, tls)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def test_messages_come_whole_however_the_wire_cuts_them():
    wire = frame(b"MSH|one") + b"\r\n" + frame(b"MSH|two")
    deframer = Deframer()
    found = [whole for n in range(len(wire)) for whole in deframer.feed(wire[n : n + 1])]

    assert found == [b"MSH|one", b"MSH|two"]
    assert deframer.is_empty


@pytest.mark.parametrize("wire", [b"MSH|no start mark", b"\x0b" + b"x" * 101])
def test_bytes_outside_a_frame_and_endless_messages_end_the_connection(wire: bytes):
    with pytest.raises(MllpError):
        Deframer(maximum_bytes=100).feed(wire)


def test_own_separators_escapes_and_repetitions_are_read():
    told = parse(b"MSH$%!*#$A$B$C$D$20260101$$ADT%A01$77$P$2.5\rPID$$$1%x#y!2$$Bo*F*Bent*T*Co")
    patient = told.first("PID")

    assert (told.kind, told.control_id) == ("ADT^A01", "77")
    assert patient is not None
    assert [patient.part(one, 1) for one in patient.repetitions(3)] == ["1", "2"]
    assert (patient.text(3, 2), patient.text(5)) == ("x", "Bo$Bent#Co")


# The machine may be busy; what is tested is no speed.
@settings(deadline=None)
@given(st.text())
def test_whatever_text_is_escaped_is_read_back_but_for_control_characters(text: str):
    separators = Separators()
    shown = "".join(character if character.isprintable() else " " for character in text)

    assert separators.plain(separators.escaped(text)) == shown


@pytest.mark.parametrize(
    ("told", "body"),
    [
        ("8859/1", "Sørensen".encode("latin-1")),
        ("UNICODE UTF-8", "Sørensen".encode()),
        ("", "Sørensen".encode()),
        ("", "Sørensen".encode("latin-1")),
    ],
)
def test_the_character_set_is_the_one_that_the_header_names(told: str, body: bytes):
    header = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|1|P|2.5|||||DNK|" + told.encode()
    patient = parse(header + b"\rPID|||1||" + body).first("PID")

    assert patient is not None
    assert patient.text(5) == "Sørensen"


@pytest.mark.parametrize("body", [b"", b"MSH", b"PID|1", b"MSHaaaaaaaa|", b"MSH|^~\\&|a\rthis is no segment"])
def test_what_is_no_message_is_an_error_that_says_so(body: bytes):
    with pytest.raises(NotHl7Error):
        parse(body)


# The machine may be busy; what is tested is no speed.
@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_whatever_break_the_parser(body: bytes):
    try:
        parse(b"MSH|^~\\&|" + body)
    except NotHl7Error:
        return


def test_an_acknowledgement_repeats_the_control_id_and_names_the_fault():
    asked = parse(message("ADT^A01", control_id="77|x".replace("|", "\\F\\")))
    answer = Acknowledgement(
        code=AckCode.ERROR, control_id=asked.control_id, condition=ErrorCondition.REQUIRED_FIELD, text="PV1-19 | absent"
    )
    written = write_acknowledgement(answer, asked, NOW)

    assert read_acknowledgement(written) == answer
    reply = parse(written)
    assert [reply.header.text(n) for n in (3, 4, 5, 6)] == ["VARSEL", "OUH", "EPJ", "OUH"]
    assert (reply.kind, reply.header.text(12)) == ("ACK^A01", "2.5.1")


def test_one_connection_carries_many_messages_each_answered():
    with _listening(MllpSettings(port=0)) as server:
        address = MllpAddress(host="127.0.0.1", port=server.port, timeout_seconds=10)
        with MllpClient(address) as client:
            answers = [client.exchange(message("ADT^A01", control_id=f"M{n}")) for n in range(20)]

    assert [answer.control_id for answer in answers] == [f"M{n}" for n in range(20)]
    assert all(answer.is_accepted for answer in answers)


def test_mllp_over_tls_is_taken_and_in_the_clear_is_not(tmp_path: Path):
    authority = trustme.CA()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    client_side = ssl.create_default_context()
    authority.configure_trust(client_side)
    with _listening(MllpSettings(port=0, message_seconds=5), server_side) as server:
        secured = MllpAddress(host="127.0.0.1", port=server.port, timeout_seconds=10, tls=client_side)
        with MllpClient(secured) as client:
            assert client.exchange(message("ADT^A01")).is_accepted
        with (
            MllpClient(MllpAddress(host="127.0.0.1", port=server.port, timeout_seconds=10)) as client,
            pytest.raises(MllpError),
        ):
            client.exchange(message("ADT^A01"))


def test_a_message_that_never_ends_is_given_up():
    with (
        _listening(MllpSettings(port=0, message_seconds=0.2)) as server,
        socket.create_connection(("127.0.0.1", server.port), timeout=10) as peer,
    ):
        peer.sendall(b"\x0bMSH|^~\\&|")
        assert peer.recv(1) == b""


def test_one_connection_more_than_allowed_is_closed():
    with _listening(MllpSettings(port=0, maximum_connections=1)) as server:
        address = MllpAddress(host="127.0.0.1", port=server.port, timeout_seconds=10)
        with MllpClient(address) as first, MllpClient(address) as second:
            assert first.exchange(message("ADT^A01")).is_accepted
            with pytest.raises(MllpError):
                second.exchange(message("ADT^A01"))


def test_a_receiver_that_does_not_answer_is_told_after_the_limit():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = MllpAddress(host="127.0.0.1", port=silent.getsockname()[1], timeout_seconds=0.2)
        with MllpClient(address) as client, pytest.raises(MllpError, match="no answer in time"):
            client.exchange(message("ADT^A01"))


def test_an_answer_to_another_message_is_no_answer():
    def answer_another(body: bytes) -> bytes:
        told = parse(body)
        return write_acknowledgement(Acknowledgement(code=AckCode.ACCEPT, control_id="other"), told, NOW)

    server = MllpServer(MllpSettings(port=0), answer_another)
    server.start()
    address = MllpAddress(host="127.0.0.1", port=server.port, timeout_seconds=10)
    with MllpClient(address) as client, pytest.raises(MllpError, match="MSH-10"):
        client.exchange(message("ADT^A01"))
    server.stop()
