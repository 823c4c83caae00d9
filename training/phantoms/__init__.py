"""Invented patients with a known truth: radiographs, CT volumes, stays. No torch here: the demo draws them too."""
