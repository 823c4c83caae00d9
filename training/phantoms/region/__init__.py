"""An invented hospital region: patients flow through beds, some are infected, and all of it is known."""
