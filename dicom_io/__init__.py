"""Speaks DICOM: receives, understands, writes and sends objects. Has never heard of a neural network."""
