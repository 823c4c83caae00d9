"""The statistics of infection surveillance: pure functions of counts and time at risk."""
