"""HL7 v2 as hospitals send it: framing (MLLP), messages (ER7), acknowledgements, and what the messages tell."""
