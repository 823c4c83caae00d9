"""Sends the cases: studies by C-STORE, stays by HTTP."""

from datetime import UTC, datetime

import httpx

from dicom_io.send.association import DicomAddress
from dicom_io.send.store_scu import send_instances
from serving.settings.file import Settings
from varsel.case_status import RefusalStatus
from varsel.demo.case import DemoCase
from varsel.errors import DemoError


def send_case(case: DemoCase, settings: Settings) -> RefusalStatus | None:
    """Send *case*; the sender's word on it when none of its objects was taken.

    Raises:
        UnreachableError: the DICOM node does not answer.
        DemoError: the FHIR door does not take a stay.
    """
    if case.bundle is not None:
        _post(case, settings)
        return None
    address = DicomAddress(
        host=settings.receive.host,
        port=settings.receive.port,
        ae_title=settings.receive.ae_title,
        calling_ae_title=case.calling_ae_title,
    )
    results = tuple(send_instances(case.instances, address))
    if any(result.error is None for result in results):
        return None
    return RefusalStatus(
        at=datetime.now(UTC).isoformat(),
        door="sender",
        reason_code="not_taken",
        reason=str(results[0].error),
        source=case.calling_ae_title,
        case_id=case.case_id,
    )


def _post(case: DemoCase, settings: Settings) -> None:
    url = f"http://{settings.web.host}:{settings.web.port}/fhir"
    headers = {"Content-Type": "application/fhir+json"}
    try:
        answer = httpx.post(url, json=case.bundle, headers=headers, timeout=30, trust_env=False)
    except httpx.HTTPError as error:
        raise DemoError(f"'{url}' did not take the stay '{case.key}' ({type(error).__name__})") from error
    if not answer.is_success:
        raise DemoError(f"'{url}' answered the stay '{case.key}' with status {answer.status_code}: {answer.text[:300]}")
