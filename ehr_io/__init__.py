"""Speaks the patient record: FHIR and HL7 in, bitemporal events, RiskAssessments and cards out."""
