"""Files of text as datasets of one example each."""

import os

from .data import read


class LanguageModelingDataset:
    @classmethod
    def splits(cls, path, train, validation, test, text_field):
        return tuple([read(open(os.path.join(path, name)).read(), text_field)] for name in (train, validation, test))
