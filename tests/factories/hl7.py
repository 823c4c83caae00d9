"""HL7 v2 messages as a record would send them, with what a test wants different."""

HEADER = "MSH|^~\\&|EPJ|OUH|VARSEL|OUH|{sent}||{kind}|{control_id}|P|2.5.1|||||DNK|UNICODE UTF-8"
PATIENT = "PID|1||SYN-P-1^^^SYN^PI||Synthetic^Karen||19480101|F"


def message(
    kind: str, *segments: str, sent: str = "20260110120000+0100", control_id: str = "M1", patient: str = PATIENT
) -> bytes:
    """A message of *kind*, e.g. ``ADT^A01``, with its header and patient before *segments*."""
    header = HEADER.format(sent=sent, kind=kind, control_id=control_id)
    lines = [header, patient, *segments] if patient else [header, *segments]
    return ("\r".join(lines) + "\r").encode()


def visit(ward: str = "MED-1", admitted: str = "20260110080000+0100", discharged: str = "") -> str:
    """PV1 of stay SYN-E-1."""
    fields = [""] * 46
    fields[0], fields[1], fields[2], fields[3], fields[19] = "PV1", "1", "I", f"{ward}^^^OUH", "SYN-E-1"
    fields[44], fields[45] = admitted, discharged
    return "|".join(fields)
