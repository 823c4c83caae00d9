"""The patient record's HL7 v2 feed: messages in, acknowledged once they are durable, put aside when they are wrong."""
