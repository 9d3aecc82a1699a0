"""Downloads, which a test has no use for."""
