"""Published facts of the corpora that the tutorials use, where the files are at hand."""

from pathlib import Path

import numpy as np
import pytest

from tinyrnn.text import CharVocab, Corpus, SequentialBatches, WordVocab, bigram_nats, read_text, unigram_nats

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"no corpora in {DATA}")


def test_tinyshakespeare():
    corpus = Corpus.from_text(read_text(DATA / "tinyshakespeare" / "input.txt"))
    assert len(corpus) == 1_115_394 and len(corpus.vocab) == 65 and corpus.ids.dtype == np.uint8
    train, valid = corpus.split()
    assert len(valid) == 111_540
    assert unigram_nats(train.ids, valid.ids, 65) == pytest.approx(3.347, abs=5e-4)
    assert bigram_nats(train.ids, valid.ids, 65) == pytest.approx(2.484, abs=5e-4)
    assert len(SequentialBatches(train.ids, 64, 32)) == 491  # 490 whole ones and a shorter one
    assert SequentialBatches(valid.ids, 64, 10, exact=True).tokens == 111_539


def test_nietzsche_and_the_stateful_split_of_the_fastai_lesson():
    text = read_text(DATA / "nietzsche" / "nietzsche.txt")
    assert len(text) == 600_893 and len(CharVocab.build(text)) == 84 and len(CharVocab.build(text, pad="<pad>")) == 85
    train = "".join(text.splitlines(keepends=True)[:7999])
    assert len(train) == 493_747
    corpus = Corpus.from_text(train.lower(), min_freq=3, unk="<unk>", pad="<pad>")
    assert len(corpus) == 493_747 and len(corpus.vocab) == 56
    # The lesson counts n // 64 // 8 - 1 = 963 batches. We keep that last one and the shorter one behind it.
    assert len(SequentialBatches(corpus.ids, 8, 64)) == 963 + 2


def test_wikitext2_as_the_word_language_model_reads_it():
    text = read_text(DATA / "wikitext-2" / "train.txt")
    vocab = WordVocab.build(text)
    train = Corpus(vocab.encode(text), vocab)
    assert len(vocab) == 33_278 and len(train) == 2_088_628 and train.ids.dtype == np.uint16
    strict = WordVocab(vocab.itos)  # every word of the other files is known, <unk> being one of them
    assert len(strict.encode(read_text(DATA / "wikitext-2" / "valid.txt"))) == 217_646
    assert len(strict.encode(read_text(DATA / "wikitext-2" / "test.txt"))) == 245_569


def test_text8_prefix():
    text = read_text(DATA / "text8" / "text8.first3010294.txt")
    assert len(CharVocab.build(text)) == 27
    assert len(WordVocab.build(text)) == 33_755 + 2  # <unk> and the one <eos>
    assert len(WordVocab.build(text, max_size=20_000, pad="<pad>")) == 20_002
