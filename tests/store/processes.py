"""Numbers that tests with several processes share."""

PATIENCE = 600  # seconds: ends a test that hangs, and is far more than any test needs on a slow machine
