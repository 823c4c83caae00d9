"""Fetching studies from an archive: one protocol, by DICOMweb here, by C-FIND, C-MOVE and C-GET in `receive`."""
