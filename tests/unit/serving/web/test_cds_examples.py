"""The examples of the CDS Hooks 2.0 specification, as an outside client sends them."""

import json
from dataclasses import replace

import pytest

from tests.unit.serving.web import test_cds_hooks as door

ORDER_PATH = "/cds-services/varsel-infection-risk-order-select"
# "HTTP Request Fields", example of patient-view with fhirAuthorization and prefetch.
PATIENT_VIEW = """{
  "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
  "fhirServer": "http://hooks.smarthealthit.org:9080",
  "hook": "patient-view",
  "fhirAuthorization": {
    "access_token": "some-opaque-fhir-access-token", "token_type": "Bearer", "expires_in": 300,
    "scope": "user/Patient.read user/Observation.read", "subject": "cds-service4"
  },
  "context": {"userId": "Practitioner/example", "patientId": "1288992", "encounterId": "89284"},
  "prefetch": {"patientToGreet": {"resourceType": "Patient", "gender": "male", "birthDate": "1925-12-23",
    "id": "1288992", "active": true}}
}"""
# Hook order-select, example (R4): two selections among the draft orders.
ORDER_SELECT = """{
  "hook": "order-select",
  "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
  "context": {
    "userId": "PractitionerRole/123", "patientId": "1288992", "encounterId": "89284",
    "selections": ["NutritionOrder/pureeddiet-simple", "MedicationRequest/smart-MedicationRequest-103"],
    "draftOrders": {"resourceType": "Bundle", "entry": [
      {"resource": {"resourceType": "NutritionOrder", "id": "pureeddiet-simple", "status": "draft",
        "patient": {"reference": "Patient/1288992"}, "dateTime": "2014-09-17"}},
      {"resource": {"resourceType": "MedicationRequest", "id": "smart-MedicationRequest-103", "status": "draft",
        "intent": "order", "subject": {"reference": "Patient/1288992"},
        "medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm",
          "code": "617993"}]}}}
    ]}
  }
}"""
# "Feedback": suggestion accepted, overridden without a reason, overridden with one.
FEEDBACK = (
    """{"feedback": [{"card": "4e0a3a1e-3283-4575-ab82-028d55fe2719", "outcome": "accepted",
      "acceptedSuggestions": [{"id": "e56e1945-20b3-4393-8503-a1a20fd73152"}],
      "outcomeTimestamp": "2020-12-11T00:00:00Z"}]}""",
    """{"feedback": [{"card": "f6b95768-b1c8-40dc-8385-bf3504b82ffb", "outcome": "overridden",
      "outcomeTimestamp": "2020-12-11T00:00:00Z"}]}""",
    """{"feedback": [{"card": "9368d37b-283f-44a0-93ea-547cebab93ed", "outcome": "overridden",
      "overrideReason": {"reason": {"code": "d7ecf885",
        "system": "https://example.com/cds-hooks/override-reason-system"},
        "userComment": "A comment entered by the clinician."},
      "outcomeTimestamp": "2020-12-11T00:00:00Z"}]}""",
)


def risks(probability: float = 0.2) -> door.Risks:
    stored = door.risk()
    return door.Risks(replace(stored, report=replace(stored.report, patient_id="1288992", probability=probability)))


def test_the_specification_s_patient_view_gets_a_card_as_the_specification_wants_it():
    (card,) = door.client(risks()).post(door.PATH, content=PATIENT_VIEW).json()["cards"]
    assert len(card["summary"]) < 140
    assert card["indicator"] in {"info", "warning", "critical"}
    assert card["source"]["label"]
    assert all(reason["code"] and reason["system"] and reason["display"] for reason in card["overrideReasons"])


def test_the_specification_s_order_select_gets_a_card_only_when_the_risk_is_raised():
    raised, low = (door.client(risks(p)).post(ORDER_PATH, content=ORDER_SELECT).json() for p in (0.2, 0.1))
    assert len(raised["cards"]) == 1
    assert low == {"cards": []}


@pytest.mark.parametrize("missing", ["selections", "draftOrders", "patientId", "userId"])
def test_a_required_field_of_the_context_is_missed(missing: str):
    call = json.loads(ORDER_SELECT)
    del call["context"][missing]
    answer = door.client(risks()).post(ORDER_PATH, json=call)
    assert answer.status_code == 400
    assert missing in answer.json()["message"]


@pytest.mark.parametrize("body", FEEDBACK)
def test_the_specification_s_feedback_is_kept(body: str):
    sink = door.Sink()
    assert door.client(risks(), sink).post(f"{door.PATH}/feedback", content=body).status_code == 200
    (kept,) = sink.kept
    told = json.loads(body)["feedback"][0]
    assert (kept.card_uuid, kept.outcome.value) == (told["card"], told["outcome"])
    assert kept.comment == told.get("overrideReason", {}).get("userComment", "")


def test_both_services_are_found_as_the_specification_wants_them():
    services = door.client(risks()).get("/cds-services").json()["services"]
    assert [service["hook"] for service in services] == ["patient-view", "order-select"]
    assert all(service["id"] and service["description"] for service in services)
