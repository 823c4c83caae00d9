"""The durable engine behind a small protocol; the only room that knows its library."""
