"""The RIS, the record and webhooks as destinations: stored messages go out by MLLP, to a FHIR server, or signed."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from pathlib import Path

from dicom_io.errors import UnreachableError
from dicom_io.send.destination import Receipt, Reference, Refusal
from ehr_io.errors import FhirRefusedError, FhirServerError, MllpError, WebhookError, WebhookRefusedError
from ehr_io.hl7.acknowledgement import Acknowledgement, ErrorCondition
from ehr_io.hl7.client import MllpAddress, MllpClient
from ehr_io.send.fhir_server import FhirAddress, FhirServer
from ehr_io.send.webhook import Webhook, WebhookAddress


class MllpOutlet:
    """Sends HL7 v2 messages; the same message again bears the same MSH-10, by which the receiver knows it."""

    def __init__(self, address: MllpAddress) -> None:
        """Send to *address*."""
        self._address = address

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send each message and wait for its acknowledgement; see `Destination.send`."""
        with MllpClient(self._address) as client:
            return tuple(self._send_one(client, path) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Nothing: HL7 v2 has no such question."""
        del references
        return frozenset()

    def close(self) -> None:
        """Nothing is kept open."""

    def _send_one(self, client: MllpClient, path: Path) -> Receipt | Refusal:
        try:
            answer = client.exchange(path.read_bytes())
        except MllpError as error:
            raise UnreachableError(str(error)) from error
        if answer.is_accepted:
            return _receipt(path)
        told = self._told(answer)
        if answer.condition is ErrorCondition.INTERNAL:
            # ERR-3 207: something is wrong on their side, which passes.
            raise UnreachableError(told)
        return Refusal(sop_instance_uid=path.stem, reason=told)

    def _told(self, answer: Acknowledgement) -> str:
        # MSA-3 and ERR-8 are the receiver's words, which may quote the message.
        condition = f", ERR-3 {answer.condition.value}" if answer.condition else ""
        return f"{self._address.host}:{self._address.port} acknowledged with {answer.code.value}{condition}, not AA"


class FhirOutlet:
    """Sends transactions; every resource bears its own id, so that the same one again changes nothing."""

    def __init__(self, address: FhirAddress) -> None:
        """Send to *address*."""
        self._server = FhirServer(address)

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send each transaction; see `Destination.send`."""
        return tuple(self._send_one(path) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Nothing is asked: PUT to a known id may be repeated."""
        del references
        return frozenset()

    def close(self) -> None:
        """Nothing is kept open."""

    def _send_one(self, path: Path) -> Receipt | Refusal:
        try:
            self._server.transact(path.read_bytes())
        except FhirRefusedError as error:
            return Refusal(sop_instance_uid=path.stem, reason=str(error))
        except FhirServerError as error:
            raise UnreachableError(str(error)) from error
        return _receipt(path)


class WebhookOutlet:
    """Sends events; the same one again bears the same ``webhook-id``, by which the receiver knows it."""

    def __init__(self, address: WebhookAddress) -> None:
        """Send to *address*."""
        self._webhook = Webhook(address)

    def send(self, objects: Sequence[Path]) -> tuple[Receipt | Refusal, ...]:
        """Send each event; see `Destination.send`."""
        return tuple(self._send_one(path) for path in objects)

    def holds(self, references: Sequence[Reference]) -> AbstractSet[str]:
        """Nothing: a webhook has no such question."""
        del references
        return frozenset()

    def close(self) -> None:
        """Nothing is kept open."""

    def _send_one(self, path: Path) -> Receipt | Refusal:
        try:
            self._webhook.post(path.stem, path.read_bytes(), datetime.now(UTC))
        except WebhookRefusedError as error:
            return Refusal(sop_instance_uid=path.stem, reason=str(error))
        except WebhookError as error:
            raise UnreachableError(str(error)) from error
        return _receipt(path)


def _receipt(path: Path) -> Receipt:
    return Receipt(sop_instance_uid=path.stem, status=0x0000, at=datetime.now(UTC))
