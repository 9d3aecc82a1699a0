"""Every example with ``--device cuda --smoke``, made small: it prints what it prints on the CPU."""

from __future__ import annotations

import contextlib
import importlib
import io
import re

import numpy as np
import pytest

import tinyrnn
from examples import truncation

pytestmark = pytest.mark.gpu
LSTM_OF_65 = {"EMBEDDING": 4, "HIDDEN": 5, "ROWS": 3, "STEPS": 6, "LENGTH": 8, "SMOKE_CHARACTERS": 500, "SMOKE_EPOCHS": 1}
SMALL: dict[str, dict] = {
    "bptt_by_hand": {},
    "generate": {},
    "tinyshakespeare": LSTM_OF_65,
    "char_lstm": {"HIDDEN_DIM": 5, "SEQ_LENGTH": 20, "SMOKE_CHARACTERS": 200, "SMOKE_LENGTH": 4},
    "text8_lm": {
        "EMBEDDING_SIZE": 4, "HIDDEN_SIZE": 5, "BPTT": 10, "BATCH_SIZE": 3, "EPOCHS": 1, "WORDS": 5, "SMOKE_CHARACTERS": 4_000,
    },
    "word_lm": {"SMOKE": {"emsize": 4, "nhid": 5, "epochs": 1, "log_interval": 2, "words": (100, 30, 30), "bptt": 2, "save": None}},
    "d2l_rnn": {
        "TRAIN_WINDOWS": 60, "VALID_WINDOWS": 40, "WINDOW_STEPS": 3, "WINDOW_ROWS": 5, "STEPS": 6, "ROWS": 99, "LENGTH": 3,
        "LAYERS": {"RNN": (tinyrnn.nn.RNN, 1.0, 20), "LSTM": (tinyrnn.nn.LSTM, 4.0, 20)},
    },
    "nietzsche": {"N_FAC": 3, "N_HIDDEN": 4, "WINDOW_ROWS": 9, "ROWS": 3, "read_corpus": lambda smoke: PROSE},
    "gradient_flow": {"K": 22, "WARM_UP": 2, "N": 2, "D": 8, "H": 16, "SHOWN": (1, 2, 20)},
    "truncation": {
        "EMBEDDING": 3, "HIDDEN": 4, "STEPS": 10, "TRUNCATIONS": (1, 5, 10), "TRAIN_ROWS": 4, "TRAIN_STEPS": 10, "EPOCHS": 1,
        "SMOKE": truncation.Sizes(characters=350, rows=2, windows=2, updates=3, distances=(5,)),
    },
}  # fmt: skip
PROSE = "supposing that truth is a woman, what then? is there not ground for suspecting\n" * 2
ONLY = {"nietzsche": ["--only", "loop", "cell", "gru-cell"]}


def printed(name, device):
    """The numbers that an example prints, without those that are times."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert importlib.import_module(f"examples.{name}").main(["--smoke", "--device", device, *ONLY.get(name, [])]) == 0
    kept = re.sub(r"[\d.,]+ ?(s\b|ms\b|tokens/s)|ms/batch +[\d.]+|time: +[\d.]+|/tmp\S+", "", out.getvalue())
    words = re.split(r"(-?\d+\.?\d*(?:e[+-]?\d+)?)", kept)
    return [" ".join(one.split()) for one in words[::2]], np.array(words[1::2], float)


@pytest.mark.parametrize("name", SMALL)
def test_it_prints_what_it_prints_on_the_cpu(name, monkeypatch):
    script = importlib.import_module(f"examples.{name}")
    for constant, value in SMALL[name].items():
        assert hasattr(script, constant)
        monkeypatch.setattr(script, constant, value)
    if name == "nietzsche":  # an argument's default, taken when the class was made
        monkeypatch.setattr(script.CharSeqStatefulRnn.__init__, "__defaults__", (4,))
    (here, numbers), (there, others) = (printed(name, device) for device in ("cpu", "cuda"))
    assert here == there
    np.testing.assert_allclose(others, numbers, rtol=1e-3, atol=2e-3)
