"""Words and their numbers."""

from collections import defaultdict


class Vectors:
    """Pretrained vectors, which nobody asks for here."""


class Vocab:
    """``itos`` and ``stoi``: specials, then words by frequency, equally frequent ones by the alphabet; unknown is 0."""

    def __init__(self, counter, max_size=None, min_freq=1):
        words = sorted((w for w, n in counter.items() if n >= min_freq), key=lambda w: (-counter[w], w))
        self.itos = ["<unk>", "<pad>", *words[:max_size]]
        self.stoi = defaultdict(int, {w: i for i, w in enumerate(self.itos)})

    def __len__(self):
        return len(self.itos)
