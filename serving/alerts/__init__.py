"""When a ward is told of a risk: the policy, its decisions, and what they would have been on history."""
