"""De-identification: the Basic Application Level Confidentiality Profile (PS3.15 E), its options chosen by purpose."""
