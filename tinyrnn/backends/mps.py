"""There are no Apple GPUs here. ``torch.backends.mps``."""


def is_available() -> bool:
    """Whether an Apple GPU can be used: never."""
    return False


is_built = is_available
