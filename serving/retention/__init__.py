"""What has come to its end is cleared away after its time."""
