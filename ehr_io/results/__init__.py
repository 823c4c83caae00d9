"""What goes back to the record: FHIR RiskAssessment and CDS Hooks cards."""
