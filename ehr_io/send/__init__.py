"""How results go to the record: transactions to a FHIR server. HL7 v2 goes by ``ehr_io.hl7.client``."""
