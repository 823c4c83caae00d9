"""Surveillance: cases by every definition, what was at risk, and what people said of them, kept for the pages."""
