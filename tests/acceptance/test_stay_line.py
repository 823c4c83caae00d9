"""The stay line: a FHIR Bundle goes in, a RiskAssessment and a CDS Hooks card come back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import numpy as np
import pytest
from factories.releases import FEATURES
from peers import free_ports
from running_site import RunningSite, running_site

from models.folder_store import FolderStore
from models.onnx_runtime import open_runtime
from models.provider import ExecutionProvider

PATIENT, STAY = "SYN-PATIENT-1", "SYN-STAY-1"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSite]:
    (nobody,) = free_ports(1)
    with running_site(tmp_path_factory.mktemp("site"), pacs_port=nobody, start=("api", "web", "work")) as running:
        yield running


def entry(resource: dict[str, Any]) -> dict[str, Any]:
    url = f"{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": f"https://record.example/{url}", "resource": resource, "request": {"method": "PUT", "url": url}}


def bundle(stay: str = STAY, patient: str = PATIENT, *, celsius: float = 38.9, unit: str = "Cel") -> dict[str, Any]:
    subject = {"reference": f"Patient/{patient}"}
    encounter = {"reference": f"Encounter/{stay}"}
    resources: list[dict[str, Any]] = [
        {"resourceType": "Patient", "id": patient, "birthDate": "1951-03-04", "gender": "female"},
        {
            "resourceType": "Encounter",
            "id": stay,
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": subject,
            "period": {"start": "2026-03-01T08:00:00Z"},
        },
        {
            "resourceType": "Observation",
            "id": f"{stay}-temperature",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8310-5"}]},
            "subject": subject,
            "encounter": encounter,
            "effectiveDateTime": "2026-03-03T07:00:00Z",
            "issued": "2026-03-03T07:05:00Z",
            "valueQuantity": {"value": celsius, "system": "http://unitsofmeasure.org", "code": unit, "unit": unit},
        },
    ]
    return {"resourceType": "Bundle", "type": "batch", "entry": [entry(one) for one in resources]}


def post(site: RunningSite, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{site.web_url}/fhir", json=body, headers={"Content-Type": "application/fhir+json"})


def assessment_of(site: RunningSite, stay: str) -> dict[str, Any]:
    found = httpx.get(f"{site.web_url}/fhir/RiskAssessment", params={"encounter": f"Encounter/{stay}"}).json()
    (only,) = found["entry"]
    return dict(only["resource"])


def test_a_bundle_comes_back_as_the_risk_that_the_model_gives(site: RunningSite):
    assert post(site, bundle()).status_code == 200

    item = site.item_of(STAY)
    assessment = assessment_of(site, STAY)

    release = FolderStore(site.directory / "data" / "releases").resolve("infection_urinary", "champion")
    runtime = open_runtime(release, provider=ExecutionProvider.CPU, threads=1)
    age = assessment_age()
    outputs = runtime.infer({"features": np.array([[age, 38.9, 0.0]], dtype=np.float32)})
    expected = float(outputs["probability"][0, 0])
    (prediction,) = assessment["prediction"]
    assert prediction["probabilityDecimal"] == pytest.approx(expected, abs=2e-3)
    assert item.release_digest == release.digest
    assert release.digest[:12] in str(assessment)
    assert release.manifest.version in str(assessment["method"])


def assessment_age() -> float:
    """Years from the birth date to T, the moment the temperature could be known."""
    born, moment = datetime(1951, 3, 4, tzinfo=UTC), datetime(2026, 3, 3, 7, 5, tzinfo=UTC)
    return (moment - born).total_seconds() / (365.25 * 24 * 3600)


def test_the_ward_s_policy_decides_the_risk_and_a_clinician_s_answer_is_kept(site: RunningSite):
    post(site, bundle("SYN-STAY-4", "SYN-PATIENT-4"))
    item = site.item_of("SYN-STAY-4")
    address = f"{site.web_url}/stays/SYN-STAY-4"
    page = httpx.get(address, headers={"Accept-Language": "en"}).text
    assert "Silent alert" in page
    assert "all-wards 1" in page

    form = {"kind": "acknowledged", "reviewer": "KM"}
    answer = httpx.post(f"{address}/reviews", params={"risk": item.id}, data=form, follow_redirects=True)
    assert answer.status_code == 200
    assert "KM" in answer.text


def test_the_record_gets_a_card_with_probability_reasons_and_version(site: RunningSite):
    post(site, bundle())
    site.item_of(STAY)
    call = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": PATIENT, "userId": "Practitioner/1"}}

    services = httpx.get(f"{site.web_url}/cds-services").json()["services"]
    (card,) = httpx.post(f"{site.web_url}/cds-services/{services[0]['id']}", json=call).json()["cards"]

    assert len(card["summary"]) < 140
    assert "infection_urinary 0.1.0" in card["source"]["label"]
    assert FEATURES[1][0] in card["detail"].replace("\\", "")


def test_nothing_is_said_of_an_unknown_patient(site: RunningSite):
    call = {"hook": "patient-view", "hookInstance": "1", "context": {"patientId": "nobody", "userId": "Practitioner/1"}}

    assert httpx.post(f"{site.web_url}/cds-services/varsel-infection-risk", json=call).json() == {"cards": []}


def test_an_unknown_unit_is_refused_and_the_rest_is_taken(site: RunningSite):
    answer = post(site, bundle("SYN-STAY-2", "SYN-PATIENT-2", unit="furlong"))

    assert answer.status_code == 200
    assert "furlong" in answer.text
    assert site.item_of("SYN-STAY-2").outcome in {"finding", "no_finding", "not_analysed"}


def test_a_body_that_is_no_bundle_is_refused_with_words(site: RunningSite):
    answer = httpx.post(f"{site.web_url}/fhir", content=b"not json")

    assert answer.status_code == 400
    assert answer.json()["resourceType"] == "OperationOutcome"


def test_a_correction_makes_a_new_score(site: RunningSite):
    post(site, bundle("SYN-STAY-3", "SYN-PATIENT-3", celsius=36.5))
    site.item_of("SYN-STAY-3")
    before = assessment_of(site, "SYN-STAY-3")["prediction"][0]["probabilityDecimal"]

    post(site, bundle("SYN-STAY-3", "SYN-PATIENT-3", celsius=40.0))
    site.wait(
        lambda: len([one for one in site.items() if one.case_id == "SYN-STAY-3" and one.state == "done"]) == 2,
        "the correction is scored",
        30,
    )

    after = assessment_of(site, "SYN-STAY-3")["prediction"][0]["probabilityDecimal"]
    assert after > before
