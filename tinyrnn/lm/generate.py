"""Text from a trained model, one token at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backend import FOREVER, Array, factor, quiet, to_host, xp_of
from ..creation import from_numpy
from ..engine import no_grad
from ..random import Generator, default_generator
from ..text import Vocab
from ..threads import matmul
from .model import LanguageModel
from .score import placed


def choose(
    scores: np.ndarray,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> int:
    """Draw a token from scores (V,), in proportion to ``exp(score / temperature)``.

    Args:
        temperature: below 1 bolder, above 1 more varied; 0 takes the best token, always.
        top_k: draw among the ``k`` best only.
        top_p: draw among the fewest best whose probabilities reach ``p`` (Holtzman et al., 2020).

    The maximum is subtracted before ``exp``, so that no score can overflow.

    >>> choose(np.array([0.0, 5000.0, 1.0]))
    1

    Raises:
        ValueError: options out of range, or scores that are not finite.
    """
    check_options(temperature, top_k, top_p)
    scores = scores.astype(np.float64)
    best = scores.max()
    if not np.isfinite(best) or np.isnan(scores).any():
        raise ValueError("the model's scores are not finite: its weights are damaged, or training had exploded")
    if temperature == 0:
        return int(scores.argmax())
    with quiet():  # scores far below the best: -inf is right
        weights = np.exp((scores - best) / temperature)
    order = np.argsort(-scores, kind="stable")[:top_k]  # not of weights, which rounding can make equal
    edges = np.cumsum(weights[order])
    if top_p is not None and top_p < 1:
        reached = edges / weights.sum()
        edges = edges[: np.searchsorted(reached, top_p - 1e-12) + 1]  # less a little, or a sum of 0.4999... would not reach 0.5
    point = (generator or default_generator).numpy.random() * edges[-1]
    return int(order[np.searchsorted(edges, point, side="right")])


def check_options(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Refuse sampling options that make no sense."""
    if not (0 <= temperature < float("inf")):
        raise ValueError(f"temperature must be 0 (always the best token) or more, got {temperature}")
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k must be at least 1, got {top_k}")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p must be above 0 and at most 1, got {top_p}")


def generate_ids(model: LanguageModel, prefix: Any, length: int, *, exclude: Any = (), **options: Any) -> Iterator[int]:
    """Yield ``length`` token ids that follow the ids ``prefix`` (at least one); ``options`` are those of :func:`choose`.

    The prefix is read once, to warm up the state; then each token is fed back alone, with the state carried. Nothing
    is recorded and dropout is off. Ids in ``exclude`` are never drawn.
    """
    prefix = np.asarray(prefix, np.int64)
    if prefix.size == 0:
        raise ValueError("generate_ids needs at least one token to start from")
    row, state = _read(model, prefix, None)
    following = prepared(model, state) if _is_plain(model) else None
    for k in range(length):
        last = to_host(row)
        if len(exclude):
            last = last.copy()
            last[exclude] = -np.inf
        drawn = choose(last, **options)
        yield drawn
        if k + 1 == length:
            return
        if following is not None:
            row = following(drawn)
        else:
            row, state = _read(model, np.array([drawn]), state)


def _read(model: LanguageModel, tokens: np.ndarray, state: Any) -> tuple[Array, Any]:
    """The scores (V,) after these tokens (T,), and the state."""
    was_training = model.training
    model.eval()
    try:
        with no_grad(), quiet():  # choose() refuses scores that are not finite
            read = from_numpy(tokens.reshape(-1, 1))  # (T, 1)
            scores, state = model(placed(model, read, read, None)[0], state)  # (T, 1, V)
    finally:
        model.train(was_training)
    return scores.array[-1, 0], state


def _is_plain(model: LanguageModel) -> bool:
    """Whether nobody has changed what the model computes, or listens."""
    listens = any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    return type(model) is LanguageModel and not listens


def prepared(model: LanguageModel, state: Any) -> Callable[[int], Array]:
    """A function that reads one token more, from ``state`` (of one row) on, and returns the scores (V,) of the next.

    All weights are laid out once, as they are now. Then nothing is recorded or allocated: each call overwrites the scores
    that the last one returned.
    """
    layers, table, bias = model.rnn.steppers(state), model.encoder.weight.array, model.decoder.bias.array
    weight = factor(model.decoder.weight.array.T, 1, FOREVER)
    xp = xp_of(table)
    scores = xp.empty((1, len(bias)), table.dtype)

    def read(token: int) -> Array:
        x = table[token : token + 1]
        with quiet():
            for step in layers:
                x = step(x)
            matmul(x, weight, out=scores)
            xp.add(scores, bias, out=scores)
        return scores[0]

    return read


def generate(
    model: LanguageModel,
    vocab: Vocab,
    prefix: str = "",
    length: int = 200,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: Generator | None = None,
) -> str:
    """``length`` tokens of text that go on from ``prefix``; the prefix itself is not repeated.

    Without a prefix the model starts behind a line's end, or if its vocabulary has none, behind its commonest symbol.

    Raises:
        VocabError: the prefix has a symbol that the vocabulary has not.
        ValueError: options out of range, or scores that are not finite.
    """
    check_options(temperature, top_k, top_p)
    ids = encode_prefix(vocab, prefix)
    exclude = [] if vocab.pad is None else [vocab[vocab.pad]]
    options = {"temperature": temperature, "top_k": top_k, "top_p": top_p, "generator": generator}
    return vocab.decode(list(generate_ids(model, ids, length, exclude=exclude, **options)))


def encode_prefix(vocab: Vocab, prefix: str) -> np.ndarray:
    """The ids (L,) that a model reads before it writes; at least one."""
    ids = vocab.encode(prefix) if prefix else np.array([], np.int64)
    if vocab.level == "word" and not prefix.endswith("\n"):
        ids = ids[:-1]  # a corpus closes its last line with <eos>, but this line is to go on
    return ids if ids.size else np.array([_start_id(vocab)])


def _start_id(vocab: Vocab) -> int:
    for symbol in ("\n", "<eos>"):
        if symbol in vocab.stoi:
            return vocab.stoi[symbol]
    specials = (vocab.unk, vocab.pad)
    return next((k for k, symbol in enumerate(vocab.itos) if symbol not in specials), 0)
