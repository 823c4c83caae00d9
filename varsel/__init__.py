"""The door: command line, demo, all-in-one supervisor."""
