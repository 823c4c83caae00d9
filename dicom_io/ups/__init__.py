"""Unified Procedure Steps (PS3.4 CC, PS3.18 11): work items, their rules, and a worker's view of who manages them."""
