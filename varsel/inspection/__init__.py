"""What a file or study is, and what Varsel would do with it and why."""
