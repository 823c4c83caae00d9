"""Metrics, audit and logs; none of them ever carries patient data."""
