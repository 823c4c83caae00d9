"""The FHIR door: Bundles in with an answer for each entry, RiskAssessments out, every fault an OperationOutcome."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.capabilitystatement import CapabilityStatement
from fhir.resources.R4B.operationoutcome import OperationOutcome
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ehr_io.codes import Coding, Words
from ehr_io.receive.fhir import MAX_BODY_BYTES
from ehr_io.receive.reading import BundleReading, RefusalCode, ResourceRefusal
from ehr_io.risks import ModelIdentity, RiskReport
from serving.errors import DatabaseDownError
from serving.web.cds_hooks import StoredRisk
from serving.web.fhir import fhir_routes

PATIENT = {"resourceType": "Patient", "id": "p1", "birthDate": "1950-01-01"}


def risk() -> StoredRisk:
    return StoredRisk(
        report=RiskReport(
            id="risk-1",
            patient_id="p1",
            stay_id="e1",
            as_of=datetime(2026, 3, 9, 11, tzinfo=UTC),
            horizon_hours=48,
            outcome=Coding(system="http://snomed.info/sct", code="68566005"),
            outcome_text=Words(en="Urinary tract infection", da="Urinvejsinfektion"),
            probability=0.2,
            threshold=0.15,
            reasons=(),
            model=ModelIdentity(name="m", version="1", digest="ab" * 32, demonstration=True),
        )
    )


class Records:
    """Intake and lookup in memory."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.taken: list[BundleReading] = []
        self.denied: list[ResourceRefusal] = []
        self.is_down = is_down

    async def take(self, reading: BundleReading) -> Sequence[ResourceRefusal]:
        if self.is_down:
            raise DatabaseDownError
        self.taken.append(reading)
        return self.denied

    def latest_for_patient(self, patient_id: str) -> StoredRisk | None:
        return self._find("p1", patient_id)

    def latest_for_stay(self, stay_id: str) -> StoredRisk | None:
        return self._find("e1", stay_id)

    def by_id(self, risk_id: str) -> StoredRisk | None:
        return self._find("risk-1", risk_id)

    def _find(self, known: str, asked: str) -> StoredRisk | None:
        if self.is_down:
            raise DatabaseDownError
        return risk() if known == asked else None


def client(records: Records) -> TestClient:
    return TestClient(Starlette(routes=fhir_routes(records, records)))


def bundle(*resources: dict[str, object], bundle_type: str = "transaction") -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": bundle_type, "entry": entries}).encode()


def test_the_capability_statement_is_valid():
    answer = client(Records()).get("/fhir/metadata")
    assert answer.headers["content-type"].startswith("application/fhir+json")
    CapabilityStatement.model_validate(answer.json())


def test_whatever_can_be_searched_is_claimed_and_nothing_else():
    (rest,) = client(Records()).get("/fhir/metadata").json()["rest"]
    claimed = {
        one["type"]: [parameter["name"] for parameter in one["searchParam"]]
        for one in rest["resource"]
        if "search-type" in {interaction["code"] for interaction in one["interaction"]}
    }
    whose = ["subject", "patient", "encounter"]
    assert claimed == {"Observation": whose, "RiskAssessment": whose}


WITHDRAWN = {"resourceType": "Observation", "id": "o1", "status": "entered-in-error"}
FAULTY = {"resourceType": "Observation", "id": "o2"}
UNREAD = {"resourceType": "Appointment", "id": "a1", "extension": [{"url": "https://example.com/x", "valueCode": "y"}]}


def test_each_entry_of_a_batch_is_answered_in_its_order():
    records = Records()
    answer = client(records).post("/fhir", content=bundle(PATIENT, FAULTY, WITHDRAWN, UNREAD, bundle_type="batch"))
    told = answer.json()
    Bundle.model_validate(told)
    assert (answer.status_code, told["type"]) == (200, "batch-response")
    responses = [entry["response"] for entry in told["entry"]]
    assert [one["status"] for one in responses] == ["200 OK", "422 Unprocessable Entity", "200 OK", "200 OK"]
    issues = [one["outcome"]["issue"][0] for one in responses[1:]]
    assert issues[0]["diagnostics"].startswith("malformed: 'status' is ''")
    assert [one["severity"] for one in issues] == ["error", "information", "warning"]
    assert records.taken[0].retracted == ("Observation/o1",)


def test_a_transaction_without_a_fault_is_taken_as_a_whole():
    records = Records()
    answer = client(records).post("/fhir", content=bundle(PATIENT, WITHDRAWN, UNREAD))
    Bundle.model_validate(answer.json())
    assert (answer.status_code, answer.json()["type"]) == (200, "transaction-response")
    assert len(records.taken[0].patients) == 1


def test_one_fault_lets_a_transaction_fail_as_a_whole_and_is_recorded():
    records = Records()
    answer = client(records).post("/fhir", content=bundle(PATIENT, FAULTY, WITHDRAWN))
    OperationOutcome.model_validate(answer.json())
    assert answer.status_code == 422
    assert [issue["expression"] for issue in answer.json()["issue"]] == [["Bundle.entry[1]"]]
    (kept,) = records.taken
    assert (kept.patients, kept.retracted, [one.source for one in kept.refusals]) == ((), (), ["Observation/o2"])


def test_a_resource_is_created_under_an_id_of_ours():
    records = Records()
    answer = client(records).post("/fhir/Patient", json=PATIENT)
    OperationOutcome.model_validate(answer.json())
    assert answer.status_code == 201
    (patient,) = records.taken[0].patients
    assert answer.headers["location"] == f"/fhir/Patient/{patient.patient_id}"
    assert patient.patient_id != "p1"


def test_a_resource_is_put_and_deleted_under_its_own_id():
    records = Records()
    door = client(records)
    assert door.put("/fhir/Patient/p1", json=PATIENT).status_code == 200
    assert door.delete("/fhir/Observation/o1").status_code == 204
    assert [one.patient_id for one in records.taken[0].patients] == ["p1"]
    assert records.taken[1].retracted == ("Observation/o1",)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("PUT", "/fhir/Patient/p2", PATIENT, 400),
        ("PUT", "/fhir/Patient/p_2", PATIENT, 400),
        ("POST", "/fhir/Encounter", PATIENT, 400),
        ("PUT", "/fhir/Observation/o2", FAULTY, 422),
        ("PUT", "/fhir/Appointment/a1", UNREAD, 404),
    ],
)
def test_what_does_not_fit_its_address_or_is_faulty_is_refused(method: str, path: str, body: object, status: int):
    answer = client(Records()).request(method, path, json=body)
    assert answer.status_code == status


def test_a_bundle_may_delete():
    records = Records()
    entry = {"request": {"method": "DELETE", "url": "Observation/o7"}}
    sent = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    assert client(records).post("/fhir", json=sent).status_code == 200
    assert records.taken[0].retracted == ("Observation/o7",)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"resourceType": "Patient"}'])
def test_what_is_no_bundle_is_refused_as_a_whole(body: bytes):
    records = Records()
    answer = client(records).post("/fhir", content=body)
    assert answer.status_code == 400
    OperationOutcome.model_validate(answer.json())
    (kept,) = records.taken
    assert (kept.events, [one.source for one in kept.refusals]) == ((), ["body"])


def test_a_body_over_the_limit_is_refused():
    answer = client(Records()).post("/fhir", content=b" " * (MAX_BODY_BYTES + 1))
    assert answer.status_code == 413
    OperationOutcome.model_validate(answer.json())


def test_nothing_is_acknowledged_while_the_database_is_down():
    answer = client(Records(is_down=True)).post("/fhir", content=bundle(PATIENT))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    OperationOutcome.model_validate(answer.json())


@pytest.mark.parametrize(
    ("query", "total"),
    [
        ("subject=Patient/p1", 1),
        ("subject=p1", 1),
        ("encounter=Encounter/e1", 1),
        ("encounter=e1&subject=p1", 1),
        ("encounter=e1&subject=other", 0),
        ("subject=other", 0),
    ],
)
def test_the_newest_risk_is_found_by_patient_or_stay(query: str, total: int):
    told = client(Records()).get(f"/fhir/RiskAssessment?{query}").json()
    Bundle.model_validate(told)
    assert (told["type"], told["total"]) == ("searchset", total)


def test_a_search_without_patient_or_stay_is_refused():
    assert client(Records()).get("/fhir/RiskAssessment").status_code == 400


def test_a_risk_is_read_by_its_id():
    door = client(Records())
    assert door.get("/fhir/RiskAssessment/risk-1").json()["id"] == "risk-1"
    assert door.get("/fhir/RiskAssessment/other").status_code == 404


@pytest.mark.parametrize("path", ["/fhir/RiskAssessment?subject=p1", "/fhir/RiskAssessment/risk-1"])
def test_reading_while_the_database_is_down_says_so(path: str):
    assert client(Records(is_down=True)).get(path).status_code == 503


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "application/fhir+xml"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/fhir+json; fhirVersion=5.0"},
    ],
)
def test_a_body_in_another_format_or_version_is_415(headers: dict[str, str]):
    records = Records()
    answer = client(records).post("/fhir", content=bundle(PATIENT), headers=headers)
    OperationOutcome.model_validate(answer.json())
    assert (answer.status_code, [one.patients for one in records.taken]) == (415, [()])


def test_a_condition_that_nobody_looks_at_is_not_passed_over():
    records = Records()
    answer = client(records).post("/fhir/Patient", json=PATIENT, headers={"If-None-Exist": "identifier=1"})
    assert (answer.status_code, [one.patients for one in records.taken]) == (501, [()])


@pytest.mark.parametrize(
    ("url", "accept", "status"),
    [
        ("/fhir/metadata?_format=xml", "*/*", 406),
        ("/fhir/metadata", "application/fhir+xml", 406),
        ("/fhir/metadata?_format=application/fhir%2Bjson", "application/fhir+xml", 200),
        ("/fhir/metadata?_format=application/fhir+json", "", 200),
        ("/fhir/metadata", "text/html,application/xhtml+xml", 200),
    ],
)
def test_an_answer_in_another_format_than_json_is_not_promised(url: str, accept: str, status: int):
    assert client(Records()).get(url, headers={"Accept": accept}).status_code == status


@pytest.mark.parametrize(
    ("asked", "status", "total"),
    [
        ("patient=p1", 200, 1),
        ("patient=Patient/p1&encounter=e1", 200, 1),
        ("subject=Group/p1", 400, None),
        ("subject=Patient/p1%00", 400, None),
        ("subject=https://record.example/fhir/Patient/p1", 200, 1),
    ],
)
def test_a_search_is_by_patient_or_stay_and_nothing_else(asked: str, status: int, total: int | None):
    answer = client(Records()).get(f"/fhir/RiskAssessment?{asked}")
    assert (answer.status_code, answer.json().get("total")) == (status, total)


@pytest.mark.parametrize(("bundle_type", "status"), [("batch", 200), ("transaction", 422)])
def test_what_names_another_patient_than_the_stays_is_told_though_the_database_found_it(bundle_type: str, status: int):
    records = Records()
    reason = ResourceRefusal(source="Patient/p1", reason_code=RefusalCode.WRONG_PATIENT, reason="another")
    records.denied.append(reason)
    answer = client(records).post("/fhir", content=bundle(PATIENT, bundle_type=bundle_type))
    assert answer.status_code == status
    assert "wrong-patient: another" in answer.text
