"""Text as numbers: corpora, vocabularies, and streams of batches that know which text follows which."""

from . import corpora
from .batches import Batch, RandomWindows, SequentialBatches
from .corpus import Corpus, TextError, bigram_nats, default_corpus_text, read_text, unigram_nats
from .vocab import CharVocab, Vocab, VocabError, WordVocab

__all__ = [
    "Batch",
    "CharVocab",
    "Corpus",
    "RandomWindows",
    "SequentialBatches",
    "TextError",
    "Vocab",
    "VocabError",
    "WordVocab",
    "bigram_nats",
    "corpora",
    "default_corpus_text",
    "read_text",
    "unigram_nats",
]
