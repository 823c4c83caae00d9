"""How it goes out: one Destination protocol, C-STORE and in-memory implementations, archive queries."""
