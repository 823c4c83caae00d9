"""What comes in from the record: FHIR bundles become bitemporal events or recorded refusals."""
