"""Every operation: a forward on raw arrays and one rule for each argument, or a composite of such."""
