"""Labelled data sets on disk, read into one shape for training and evaluation alike."""
