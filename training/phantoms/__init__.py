"""Invented patients with a known truth: radiographs, CT volumes, stays. No torch here, so that the demo can draw them."""
