"""Performing UPS work items (IHE AIW-I): claim, fetch the input, have it analysed, say what came out."""
