"""Stand-in for what one notebook calls of d2l."""
