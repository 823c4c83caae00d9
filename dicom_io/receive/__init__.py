"""What comes in: the Storage SCP, the spool, study completion, and the small embedded archive."""
