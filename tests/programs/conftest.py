"""Programs are run by tests, not collected as tests."""

collect_ignore_glob = ["[!t]*.py", "t[!e]*.py", "stand_ins/*"]
