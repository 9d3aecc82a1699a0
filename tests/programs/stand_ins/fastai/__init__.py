"""Stand-in for what one notebook calls of fastai 0.7."""
