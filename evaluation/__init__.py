"""Judges models: metrics, parity, gates. numpy, scipy and scikit-learn only."""
