"""The doors people and records use: pages, FHIR, CDS Hooks."""
