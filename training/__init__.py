"""Turns data into releases. MONAI and torch live here and only here."""
