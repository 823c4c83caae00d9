"""One association that stores: reads its messages, hands each object to the neck, answers."""

import contextlib
import logging
import struct
from dataclasses import dataclass, field

from dicom_io.errors import ProtocolError, SpoolError
from dicom_io.receive.association_pdus import AssociateRequest, PduType, encode_accept, encode_release_response
from dicom_io.receive.commands import Command, CommandField, decode_command, encode_response
from dicom_io.receive.intake import Envelope, Incoming
from dicom_io.receive.neck import Neck
from dicom_io.receive.negotiation import Negotiated
from dicom_io.receive.settings import StoreScpSettings
from dicom_io.receive.spool import Draft
from dicom_io.receive.statuses import StoreStatus
from dicom_io.receive.wire import Wire

_log = logging.getLogger(__name__)

#: Length, which counts what follows it, context id and message control header (PS3.8 9.3.5.1).
_PDV = struct.Struct(">IBB")
_PDV_LENGTH_BYTES = 4
_IS_COMMAND, _IS_LAST = 0x01, 0x02
#: The longest command set has two UIDs and an AE title; private elements are not of this size.
_MAXIMUM_COMMAND_BYTES = 65_536
#: We say what we take, and forgive a peer that counts its PDU's header in.
_PDU_TOLERANCE_BYTES = 1024


class PeerAbortedError(ProtocolError):
    """The peer broke the association off."""


@dataclass(kw_only=True)
class _Message:
    """What has come of one message."""

    context_id: int
    command_bytes: bytearray = field(default_factory=bytearray)
    command: Command | None = None
    incoming: Incoming | None = None


class StoreAssociation:
    """From the answer to the request until the release."""

    def __init__(self, wire: Wire, request: AssociateRequest, negotiated: Negotiated, neck: Neck) -> None:
        """Speak on *wire* with the sender of *request*."""
        self._wire = wire
        self._request = request
        self._negotiated = negotiated
        self._neck = neck
        self._message: _Message | None = None
        #: The file of the next object, made while the sender looks for that.
        self._blank: Draft | None = None
        #: Study Instance UIDs of what was taken.
        self.studies: set[str] = set()

    def run(self, settings: StoreScpSettings) -> None:
        """Accept, and serve until the peer releases the association.

        Raises:
            ProtocolError: the peer broke the rules, or aborted.
            OSError: the connection broke, or the peer was silent for too long.
        """
        try:
            accept = encode_accept(self._request, self._negotiated.answers, settings.maximum_pdu_bytes)
            self._wire.send(accept)
            while self._serve_one(settings):
                pass
        finally:
            if self._message is not None and self._message.incoming is not None:
                self._message.incoming.drop()
            if self._blank is not None:
                with contextlib.suppress(SpoolError):
                    self._blank.discard()

    def _serve_one(self, settings: StoreScpSettings) -> bool:
        self._wire.allow(settings.network_timeout_seconds)
        kind, length = self._wire.header()
        if length > settings.maximum_pdu_bytes + _PDU_TOLERANCE_BYTES:
            raise ProtocolError(f"a PDU has {length} bytes; at most {settings.maximum_pdu_bytes} were agreed")
        if kind == PduType.DATA:
            self._take_data(length)
            return True
        self._wire.read(length)
        if kind == PduType.ABORT:
            raise PeerAbortedError
        if kind != PduType.RELEASE_RQ:
            raise ProtocolError(f"a PDU of type {kind} has no place in an association (PS3.8 9.2)")
        self._wire.send(encode_release_response())
        return False

    def _take_data(self, length: int) -> None:
        while length:
            if length < _PDV.size:
                raise ProtocolError("a presentation data value is cut off")
            value_length, context_id, control = self._wire.unpack(_PDV)
            length -= _PDV_LENGTH_BYTES + value_length
            if value_length < _PDV.size - _PDV_LENGTH_BYTES or length < 0:
                raise ProtocolError("a presentation data value is longer than its PDU")
            self._take_fragment(context_id, control, value_length + _PDV_LENGTH_BYTES - _PDV.size)

    def _take_fragment(self, context_id: int, control: int, count: int) -> None:
        if context_id not in self._negotiated.transfer_syntaxes:
            raise ProtocolError(f"presentation context {context_id} was not agreed on")
        message = self._message or _Message(context_id=context_id)
        self._message = message
        if message.context_id != context_id:
            raise ProtocolError("a message changes its presentation context midway")
        is_command = bool(control & _IS_COMMAND)
        if is_command is not (message.command is None):
            raise ProtocolError("command and dataset come in the wrong order (PS3.8 annex E)")
        if is_command:
            self._take_command(message, count, is_last=bool(control & _IS_LAST))
        else:
            self._take_dataset(message, count, is_last=bool(control & _IS_LAST))

    def _take_command(self, message: _Message, count: int, *, is_last: bool) -> None:
        if len(message.command_bytes) + count > _MAXIMUM_COMMAND_BYTES:
            raise ProtocolError("a command set is longer than any command is")
        message.command_bytes += self._wire.read(count)
        if not is_last:
            return
        command = message.command = decode_command(bytes(message.command_bytes))
        if command.field == CommandField.C_STORE:
            blank, self._blank = self._blank, None
            message.incoming = self._neck.begin(self._envelope(message.context_id, command), blank)
        elif command.field not in (CommandField.C_ECHO, CommandField.C_CANCEL):
            raise ProtocolError(f"command {command.field:#06x} is no service of this association")
        if not command.has_dataset:
            self._end(message, command)

    def _take_dataset(self, message: _Message, count: int, *, is_last: bool) -> None:
        incoming = message.incoming
        for piece in self._wire.gather(count, is_last=is_last):
            if incoming is not None:
                incoming.write(piece)
        if incoming is not None and not is_last:
            incoming.look_ahead(self._wire.gathered())
        if is_last and message.command is not None:
            self._end(message, message.command)

    def _end(self, message: _Message, command: Command) -> None:
        self._message = None
        if message.incoming is not None:
            self._answer(message.incoming, message.context_id, command)
        elif command.field == CommandField.C_ECHO:
            self._wire.send(encode_response(command, message.context_id, StoreStatus.SUCCESS.value))
        # A C-CANCEL has no response, and nothing here takes long enough to be cancelled (PS3.7 9.3.2.3).

    def _answer(self, incoming: Incoming, context_id: int, command: Command) -> None:
        verdict = self._neck.judge(incoming)
        if verdict.status is StoreStatus.SUCCESS:
            self.studies.add(verdict.study_uid)
        try:
            self._wire.send(encode_response(command, context_id, verdict.status.value, verdict.reason))
        finally:
            # What is left to do is done while the sender makes its next object.
            self._neck.tell(verdict, incoming)
        self._blank = self._neck.blank()

    def _envelope(self, context_id: int, command: Command) -> Envelope:
        return Envelope(
            transfer_syntax_uid=self._negotiated.transfer_syntaxes[context_id],
            door="dimse",
            source_ae=self._request.calling_ae_title,
            sop_class_uid=command.sop_class_uid,
            sop_instance_uid=command.sop_instance_uid,
        )
