"""There is no cuDNN behind CuPy. ``torch.backends.cudnn``."""

enabled = False
deterministic = True
benchmark = False
allow_tf32 = False


def is_available() -> bool:
    """Whether cuDNN is used: never."""
    return False


def version() -> None:
    """The version of cuDNN: there is none."""
    return None
