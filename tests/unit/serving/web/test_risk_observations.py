"""A risk as FHIR Observation: valid R4, in percent, from the very events behind it."""

from dataclasses import replace

import pytest
from fhir.resources.R4B.observation import Observation
from starlette.applications import Starlette
from starlette.testclient import TestClient

from ehr_io.results.risk_observation import risk_observation
from serving.web.risk_observations import observation_routes
from tests.unit.serving.web.test_cds_hooks import Risks, risk


def client(risks: Risks) -> TestClient:
    return TestClient(Starlette(routes=observation_routes(risks, "en")))


@pytest.mark.parametrize("basis", [(), ("Observation/t1", "Procedure/c1")])
def test_it_is_a_valid_observation_derived_from_its_events(basis: tuple[str, ...]):
    made = risk_observation(replace(risk().report, basis=basis), "da")
    Observation.model_validate(made)
    assert made["valueQuantity"]["value"] == 20
    assert made["status"] == "preliminary"
    assert [one["reference"] for one in made.get("derivedFrom", [])] == list(basis)
    assert made["note"][0]["text"].startswith("DEMONSTRATION")


def test_the_newest_risk_is_found_and_another_patient_s_is_not():
    asked = client(Risks(risk()))
    assert asked.get("/fhir/Observation?subject=Patient/p1").json()["total"] == 1
    assert asked.get("/fhir/Observation?subject=Patient/p2").json() == {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 0,
    }


@pytest.mark.parametrize(("risks", "query", "status"), [(Risks(), "", 400), (Risks(is_down=True), "?subject=p1", 503)])
def test_what_goes_wrong_is_told_as_an_outcome(risks: Risks, query: str, status: int):
    answer = client(risks).get(f"/fhir/Observation{query}")
    assert answer.status_code == status
    assert answer.json()["resourceType"] == "OperationOutcome"
