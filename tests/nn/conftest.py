"""Helpers are imported by the tests that need them; collected by themselves, one that skips would stay half imported."""

collect_ignore = ["golden.py", "parity.py"]
