"""Our own tables and the queries on them."""
