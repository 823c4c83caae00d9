"""The demonstration: everything in one directory, real input, every outcome checked."""
