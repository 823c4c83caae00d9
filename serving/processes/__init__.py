"""One composition root a process: each names its adapters; everything else receives what it needs."""
