"""The training loop: what is carried, what is cut, what is told to whom, and what happens when things go wrong."""

import gc
import io
import math
import re
import signal
import sys
import threading
import tracemalloc

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim, text
from tinyrnn.nn.utils import clip_grad_norm_
from tinyrnn.text import RandomWindows, SequentialBatches

fit_module = sys.modules["tinyrnn.lm.fit"]  # lm.fit is the function

V = 7
IDS = np.random.default_rng(0).integers(V, size=101)


def model_of(cell="lstm", **options):
    tinyrnn.manual_seed(5)
    return lm.LanguageModel(V, 4, 6, cell=cell, **options)


def sequence(seq_len=5, batch_size=4, ids=IDS):
    return SequentialBatches(ids, seq_len, batch_size)  # 5 batches


def sgd(model, lr=0.5):
    return optim.SGD(model.parameters(), lr=lr)


def weights(model):
    return [p.detach().numpy().copy() for p in model.parameters()]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


class Do(lm.Callback):
    """Calls a function at one event."""

    def __init__(self, event, function):
        setattr(self, event, function)


class Diary(lm.Callback):
    """Writes down everything it is told."""

    def __init__(self, name="", pages=None):
        self.name, self.pages = name, [] if pages is None else pages

    def before_fit(self, run):
        self.pages.append(f"{self.name}before")

    def before_epoch(self, run):
        self.pages.append(f"{self.name}begin {run.epoch} {(run.batch, run.tokens, run.nats, run.seconds) == (0, 0, 0, 0)}")

    def before_batch(self, run):
        self.pages.append(f"{self.name}next {run.epoch}.{run.batch}")

    def after_batch(self, run):
        self.pages.append(f"{self.name}batch {run.epoch}.{run.batch}")

    def after_epoch(self, run):
        self.pages.append(f"{self.name}epoch {run.epoch}")

    def after_fit(self, run):
        self.pages.append(f"{self.name}after")


def stop(run):
    raise lm.StopTraining


# -- truncated backpropagation through time --


def numpy_loss(w, inputs, targets, h):
    """The loss of a plain RNN language model in NumPy alone, and its last state."""
    nats = []
    for ids, wanted in zip(inputs, targets):
        a = w["encoder.weight"][ids] @ w["rnn.weight_ih_l0"].T + w["rnn.bias_ih_l0"]
        h = np.tanh(a + h @ w["rnn.weight_hh_l0"].T + w["rnn.bias_hh_l0"])
        scores = h @ w["decoder.weight"].T + w["decoder.bias"]
        nats.append(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(ids)), wanted])
    return np.mean(nats), h


def test_gradients_stop_at_the_start_of_their_batch():
    model = model_of("rnn").double()
    seen = []

    def copy(run):
        seen.append({name: p.grad.numpy().copy() for name, p in model.named_parameters()})

    lm.fit(model, sequence(), optimizer=sgd(model, lr=0.0), callbacks=[Do("after_batch", copy)])
    w = {name: p.detach().numpy().copy() for name, p in model.named_parameters()}
    (x0, y0), (x1, y1) = [[ids.numpy() for ids in batch[:2]] for batch in list(sequence())[:2]]

    def slopes(f, name):
        """Central differences."""
        result = np.zeros_like(w[name])
        for at in np.ndindex(result.shape):
            for sign in (1, -1):
                moved = {**w, name: w[name].copy()}
                moved[name][at] += sign * 1e-5
                result[at] += sign * f(moved) / 2e-5
        return result

    _, carried = numpy_loss(w, x0, y0, np.zeros((4, 6)))
    differs = 0
    for name in w:
        truncated = slopes(lambda w: numpy_loss(w, x1, y1, carried)[0], name)
        np.testing.assert_allclose(seen[1][name], truncated, atol=1e-9, err_msg=name)
        through = slopes(lambda w: numpy_loss(w, x1, y1, numpy_loss(w, x0, y0, np.zeros((4, 6)))[1])[0], name)
        differs += np.abs(through - truncated).max() > 1e-4
    assert differs >= 4  # so the comparison above could tell


class Spy(lm.LanguageModel):
    """Notes the state that each call gets and returns, and the mode it is called in."""

    def loss(self, tokens, targets, state=None, reduction="mean"):
        loss, after = super().loss(tokens, targets, state, reduction)
        self.__dict__.setdefault("calls", []).append((state, after, self.training))
        return loss, after


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_state_is_carried_where_the_text_goes_on(cell):
    model = Spy(V, 4, 6, cell=cell)
    lm.fit(model, sequence(), optimizer=sgd(model), epochs=2)
    parts = [[None if s is None else s if isinstance(s, tuple) else (s,) for s in (before, after)] for before, after, _ in model.calls]
    assert len(parts) == 10
    for k, (before, _) in enumerate(parts):
        if k % 5 == 0:
            assert before is None
        else:
            assert same([s.numpy() for s in before], [s.detach().numpy() for s in parts[k - 1][1]])
            assert not any(s.requires_grad for s in before)


def test_state_is_not_carried_between_random_windows():
    model = Spy(V, 4, 6)
    lm.fit(model, RandomWindows(IDS, 5, 4), optimizer=sgd(model), epochs=2)
    assert len(model.calls) == 10 and all(before is None for before, _, _ in model.calls)


def test_memory_does_not_grow_with_the_batches():
    model = lm.LanguageModel(V, 8, 32)
    held = []

    def measure(run):
        gc.collect()
        held.append(tracemalloc.get_traced_memory()[0])

    tracemalloc.start()
    try:
        lm.fit(model, sequence(5, 2, IDS), optimizer=sgd(model), epochs=2, callbacks=[Do("after_batch", measure)])
    finally:
        tracemalloc.stop()
    one_batch = 5 * 2 * 32 * 4 * 10  # a lower bound of what a graph of one batch keeps: gates and states
    assert max(held[5:]) - min(held[2:5]) < one_batch


# -- the optimiser's side --


def test_a_run_that_explodes_ends_with_the_parameters_as_they_were():
    model = model_of()
    kept = []

    def explode(run):
        if run.batch == 2:
            kept.append(weights(model))
            model.decoder.bias.register_hook(lambda g: g * math.inf)

    with pytest.raises(
        FloatingPointError, match=r"epoch 1, batch 3: the loss is 1\.\d+ and the norm of its gradients (inf|nan).*rate.*0\.5"
    ):
        lm.fit(model, sequence(), optimizer=sgd(model), clip=1.0, callbacks=[Do("after_batch", explode)])
    assert same(weights(model), kept[0])


def test_a_loss_that_is_not_finite_ends_training_too():
    model = model_of()
    model.decoder.bias.data.fill_(math.inf)
    before = weights(model)
    with pytest.raises(FloatingPointError, match="batch 1: the loss is nan"):
        lm.fit(model, sequence(), optimizer=sgd(model))
    assert same(weights(model), before)


def test_clip_limits_the_norm_and_none_does_not():
    norms = {}
    for clip in (None, 1e-3):
        model = model_of()
        seen = norms[clip] = []
        measure = Do("after_batch", lambda run, model=model, seen=seen: seen.append(clip_grad_norm_(model.parameters(), 1e9).item()))
        lm.fit(model, sequence(), optimizer=sgd(model), clip=clip, callbacks=[measure])
    assert min(norms[None]) > 1e-2
    assert norms[1e-3] == pytest.approx([1e-3] * 5, rel=1e-2)


def test_only_the_optimisers_parameters_are_trained_and_clipped():
    model = model_of()
    before = weights(model.encoder), weights(model.decoder)
    decoder = optim.SGD(model.decoder.parameters(), lr=0.5)
    norms = Do("after_batch", lambda run: norms_seen.append(clip_grad_norm_(model.decoder.parameters(), 1e9).item()))
    norms_seen = []
    lm.fit(model, sequence(), optimizer=decoder, clip=1e-3, epochs=3, callbacks=[norms])
    assert same(weights(model.encoder), before[0]) and not same(weights(model.decoder), before[1])
    # The other gradients pile up, since nobody sets them to zero; they must not count.
    assert norms_seen == pytest.approx([1e-3] * 15, rel=1e-2)


def test_an_optimiser_of_another_model_is_refused():
    with pytest.raises(ValueError, match=r"none of the model's parameters; make it from model\.parameters\(\)"):
        lm.fit(model_of(), sequence(), optimizer=sgd(model_of()))


def test_a_schedule_steps_after_every_batch():
    model, twin = model_of(), model_of()
    optimizer, plain = sgd(model), sgd(twin)
    cycles = [optim.lr_scheduler.OneCycleLR(o, 0.5, total_steps=10, cycle_momentum=False) for o in (optimizer, plain)]
    seen, expected = [], []
    lm.fit(
        model, sequence(), optimizer=optimizer, epochs=2, schedule=cycles[0], callbacks=[Do("after_batch", lambda run: seen.append(run.lr))]
    )
    for _ in range(10):
        plain.step()
        cycles[1].step()
        expected.append(plain.param_groups[0]["lr"])
    assert seen == expected and len(set(seen)) > 5


def test_plateau_sees_the_validation_after_every_epoch(monkeypatch):
    nats = iter([3.0, 2.0, 2.5, 2.5, 1.0])
    monkeypatch.setattr(fit_module, "evaluate", lambda model, batches, criterion=None: lm.Score(next(nats), 1))
    model = model_of()
    optimizer = sgd(model)
    plateau = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=0)
    rates = []
    note = Do("after_epoch", lambda run: rates.append(run.lr))
    lm.fit(model, sequence(), sequence(), optimizer=optimizer, epochs=5, plateau=plateau, callbacks=[note])
    assert rates == [0.5, 0.5, 0.25, 0.125, 0.125]


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_overfits_one_batch(cell):
    """The floor is what no model can beat: where rows with equal beginnings go on differently."""
    T, N = 25, 4
    batch = next(iter(SequentialBatches(np.random.default_rng(3).integers(3, size=T * N + 1), T, N)))
    inputs, targets = batch.inputs.numpy(), batch.targets.numpy()
    followers = {}
    for t, n in np.ndindex(T, N):
        followers.setdefault(tuple(inputs[: t + 1, n]), []).append(targets[t, n])
    counts = [np.unique(f, return_counts=True)[1] for f in followers.values()]
    floor = sum(-(c * np.log(c / c.sum())).sum() for c in counts) / (T * N)
    model = lm.LanguageModel(3, 32, 64, cell=cell)
    enough = Do("after_batch", lambda run: stop(run) if run.loss < floor + 0.02 else None)
    run = lm.fit(model, [batch], optimizer=optim.Adam(model.parameters(), lr=5e-3), epochs=300, clip=1.0, callbacks=[enough])
    assert floor - 1e-6 < run.loss < floor + 0.02


# -- any module, with a criterion --


def some_rows(seed=0, classes=3, sizes=(5, 5, 2)):
    """Batches of unequal sizes for a classifier of 4 features, some targets of which do not count."""
    rng = np.random.default_rng(seed)
    batches = []
    for n in sizes:
        targets = rng.integers(classes, size=n)
        targets[0] = -100
        batches.append((tinyrnn.tensor(rng.standard_normal((n, 4)).astype(np.float32)), tinyrnn.tensor(targets)))
    return batches


def linear(outputs=3):
    tinyrnn.manual_seed(3)
    return nn.Linear(4, outputs)


def test_a_criterion_gives_what_the_loop_written_out_gives():
    model, twin = linear(), linear()
    optimizer, plain = (optim.SGD(m.parameters(), lr=0.5, momentum=0.9) for m in (model, twin))
    f, losses = nn.CrossEntropyLoss(), []
    run = lm.fit(model, some_rows(), some_rows(1), optimizer=optimizer, epochs=2, criterion=f, clip=0.3)
    for _ in range(2):
        for x, y in some_rows():
            plain.zero_grad()
            loss = f(twin(x), y)
            loss.backward()
            clip_grad_norm_(twin.parameters(), 0.3)
            plain.step()
            losses.append(loss.item())
    assert same(weights(model), weights(twin))
    share = np.array([4, 4, 1]) / 9  # of the targets that count
    assert [e["loss"] for e in run.history] == pytest.approx([float(share @ losses[:3]), float(share @ losses[3:])], rel=1e-6)
    assert run.tokens == run.valid.tokens == 9
    nats = sum(nn.CrossEntropyLoss(reduction="sum")(twin(x), y).item() for x, y in some_rows(1))
    assert run.valid.nats == pytest.approx(nats, rel=1e-6)


def test_the_criterion_says_what_does_not_count():
    def padded(batches):
        return [(x, tinyrnn.where(y < 0, 0, y)) for x, y in batches]

    model = linear()
    run = lm.fit(model, padded(some_rows()), optimizer=sgd(model, lr=0.0), criterion=nn.CrossEntropyLoss(ignore_index=0))
    assert run.tokens == sum(int((y > 0).sum()) for _, y in some_rows())
    assert run.tokens == lm.evaluate(model, padded(some_rows()), nn.CrossEntropyLoss(ignore_index=0)).tokens < 9


def test_of_real_numbers_the_rows_count():
    rows = [(x, x[:, :2] * 3) for x, _ in some_rows()]
    model = linear(2)
    run = lm.fit(model, rows, optimizer=sgd(model, lr=0.0), criterion=nn.MSELoss())
    everything = tinyrnn.cat([x for x, _ in rows])
    assert run.tokens == 12
    assert run.history[0]["loss"] == pytest.approx(nn.MSELoss()(model(everything), everything[:, :2] * 3).item(), rel=1e-6)


@pytest.mark.parametrize("kind", [tuple, list])
def test_several_inputs_are_spread(kind):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.of_sum = linear()

        def forward(self, a, b):
            return self.of_sum(a + b)

    model, twin = Both(), linear()
    lm.fit(model, [(kind((x, 2 * x)), y) for x, y in some_rows()], optimizer=sgd(model), criterion=nn.CrossEntropyLoss())
    lm.fit(twin, [(x + 2 * x, y) for x, y in some_rows()], optimizer=sgd(twin), criterion=nn.CrossEntropyLoss())
    assert same(weights(model), weights(twin))


def test_a_module_that_keeps_its_state_learns_what_a_language_model_learns():
    class Stateful(nn.Module):
        def __init__(self):
            super().__init__()
            self.lm = model_of()

        def train(self, mode=True):
            self.state = None  # every epoch and every validation begins anew
            return super().train(mode)

        def forward(self, tokens):
            scores, self.state = self.lm(tokens, lm.detach(self.state))
            return scores.reshape(-1, V)

    def criterion(scores, targets):
        return nn.functional.cross_entropy(scores, targets.reshape(-1))

    model, plain = Stateful(), model_of()
    run = lm.fit(model, sequence(), sequence(), optimizer=sgd(model), epochs=2, criterion=criterion)
    expected = lm.fit(plain, sequence(), sequence(), optimizer=sgd(plain), epochs=2)
    assert same(weights(model), weights(plain))
    assert run.valid.per_token == pytest.approx(expected.valid.per_token, rel=1e-6)


X, Y = some_rows()[0]


@pytest.mark.parametrize(
    ("model", "criterion", "batch", "message"),
    [
        (linear(), None, (X, Y, False), r"Linear has no method loss\(inputs, targets, state\).*Pass criterion="),
        (linear(), "mse", (X, Y), r"criterion must be called .* a str cannot"),
        (model_of(), None, (X, Y), r"\(inputs, targets, continues\).*; got \(Tensor, Tensor\).*pass criterion="),
        (model_of(), None, (X, X, Y), r"got \(Tensor, Tensor, Tensor\)"),
        (model_of(), None, X, "got Tensor"),
        (linear(), nn.MSELoss(), X, r"\(inputs, targets\), where targets is a tensor; got Tensor"),
        (linear(), nn.MSELoss(), (X,), r"got \(Tensor\)"),
        (linear(), nn.MSELoss(), (X, X, Y), r"got \(Tensor, Tensor, Tensor\).*\(\(x1, x2\), targets\)"),
        (linear(), nn.MSELoss(), (X, np.zeros(5)), r"got \(Tensor, ndarray\)"),
    ],
)
def test_what_does_not_fit_is_refused(model, criterion, batch, message):
    with pytest.raises(TypeError, match=message):
        lm.fit(model, [batch], optimizer=sgd(model), criterion=criterion)
    with pytest.raises(TypeError, match=message):
        lm.evaluate(model, [batch], criterion)


def test_the_model_is_checked_before_anything_is_told():
    diary = Diary()
    with pytest.raises(TypeError):
        lm.fit(linear(), some_rows(), optimizer=sgd(linear()), callbacks=[diary])
    assert diary.pages == []


# -- repeatable --


def test_equal_seeds_give_equal_runs_and_dropout_draws():
    def losses(seed, dropout=0.5):
        tinyrnn.manual_seed(seed)
        model = lm.LanguageModel(V, 6, 6, 2, dropout=dropout)
        seen = []
        lm.fit(
            model,
            RandomWindows(IDS, 5, 4),
            optimizer=sgd(model),
            epochs=2,
            callbacks=[Do("after_batch", lambda run: seen.append(run.loss))],
        )
        return seen, weights(model)

    first, again, other = losses(1), losses(1), losses(2)
    assert first[0] == again[0] and same(first[1], again[1])
    assert first[0] != other[0]


def test_dropout_acts_in_training_and_not_in_validation():
    def first_loss(dropout):
        model = model_of(dropout=dropout)
        score = lm.evaluate(model, sequence())
        assert lm.evaluate(model, sequence()) == score
        return lm.fit(model, list(sequence())[:1], optimizer=sgd(model, lr=0.0)).loss, score

    (plain, plain_score), (dropped, dropped_score) = first_loss(0.0), first_loss(0.5)
    assert plain != dropped and plain_score == dropped_score


@pytest.mark.parametrize("training", [True, False])
def test_trains_in_training_mode_and_restores_what_was(training):
    model = Spy(V, 4, 6).train(training)
    lm.fit(model, sequence(), sequence(), optimizer=sgd(model), epochs=2)
    assert [mode for _, _, mode in model.calls] == ([True] * 5 + [False] * 5) * 2
    assert model.training is model.drop.training is training
    with pytest.raises(ZeroDivisionError):
        lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[Do("after_batch", lambda run: 1 / 0)])
    assert model.training is training


# -- what a run tells --


def test_history_and_counters():
    model = model_of()
    losses = []
    ids = IDS[:99]  # 24 steps in 4 rows: four batches of 5 and one of 4
    run = lm.fit(
        model,
        sequence(ids=ids),
        sequence(),
        optimizer=sgd(model),
        epochs=2,
        callbacks=[Do("after_batch", lambda run: losses.append(run.loss))],
    )
    share = np.array([5, 5, 5, 5, 4]) / 24
    expected = [float(share @ losses[:5]), float(share @ losses[5:])]
    assert [e["loss"] for e in run.history] == pytest.approx(expected)
    assert [(e["epoch"], e["step"]) for e in run.history] == [(1, 5), (2, 10)]
    assert run.valid.per_token == run.history[1]["valid"] == lm.evaluate(model, sequence()).per_token
    assert (run.epoch, run.batch, run.step, run.tokens, run.batches) == (2, 5, 10, 96, 5)
    assert run.loss == losses[-1] and run.seconds > 0 and run.lr == 0.5
    assert "valid" not in lm.fit(model, sequence(), optimizer=sgd(model)).history[0]


def test_targets_that_do_not_count_are_not_counted():
    model = model_of()
    exact = SequentialBatches(IDS[:100], 50, 4, exact=True)  # 99 targets in rows of 25
    run = lm.fit(model, exact, optimizer=sgd(model))
    assert run.tokens == 99


def test_the_best_epoch_is_the_lowest_and_never_nan(monkeypatch, tmp_path):
    nats = iter([math.nan, 3.0, 2.0, 2.0, math.nan, math.inf, 1.0])
    monkeypatch.setattr(fit_module, "evaluate", lambda model, batches, criterion=None: lm.Score(next(nats), 1))
    improved = []
    keep = lm.KeepBest(tmp_path / "m", text.CharVocab(list("abcdefg")))
    saved = []
    watch = Do(
        "after_epoch", lambda run: (improved.append(run.improved), saved.append(lm.load_checkpoint(keep.path).info if keep.saved else None))
    )
    model = model_of()
    run = lm.fit(model, sequence(), sequence(), optimizer=sgd(model), epochs=7, callbacks=[keep, watch])
    assert improved == [False, True, True, False, False, False, True]
    assert run.best.per_token == 1.0
    assert [s and (s["epoch"], s["valid_nats"]) for s in saved] == [None, (2, 3.0), (3, 2.0), (3, 2.0), (3, 2.0), (3, 2.0), (7, 1.0)]


def test_without_validation_every_epoch_is_kept(tmp_path):
    model = model_of()
    keep = lm.KeepBest(tmp_path / "m", text.CharVocab(list("abcdefg")))
    epochs = []
    check = Do("after_epoch", lambda run: epochs.append(lm.load_checkpoint(keep.path).info))
    lm.fit(model, sequence(), optimizer=sgd(model), epochs=2, callbacks=[keep, check])
    assert epochs == [{"epoch": 1, "valid_nats": None}, {"epoch": 2, "valid_nats": None}]


@pytest.mark.parametrize("when", [1, 2])
def test_a_stream_that_can_be_read_once_only_is_refused(when):
    model = model_of()
    once = iter(list(sequence()) if when == 2 else [])
    with pytest.raises(ValueError, match=f"epoch {when} had no batches.*generator"):
        lm.fit(model, once, optimizer=sgd(model), epochs=2)


# -- callbacks --


BOTH_EPOCHS = [
    "before",
    *["begin 1 True", "next 1.0", "batch 1.1", "next 1.1", "batch 1.2", "epoch 1"],
    *["begin 2 True", "next 2.0", "batch 2.1", "next 2.1", "batch 2.2", "epoch 2"],
]


def test_callbacks_are_told_in_order_and_leave_in_reverse():
    pages = []
    model = model_of()
    batches = list(sequence())[:2]
    lm.fit(model, batches, optimizer=sgd(model), epochs=2, callbacks=(Diary(name, pages) for name in "ab"))
    assert pages == [f"{name}{event}" for event in BOTH_EPOCHS for name in "ab"] + ["bafter", "aafter"]


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ("before_fit", 1),
        ("before_epoch", 2),
        ("before_batch", 3),
        ("after_batch", 4),
        ("after_epoch", 7),
        ("after_fit", 13),
    ],
)
def test_stop_training_ends_in_good_order_and_the_others_hear_of_it(event, told):
    first, last = Diary(), Diary()
    model = model_of()
    run = lm.fit(model, list(sequence())[:2], optimizer=sgd(model), epochs=2, callbacks=[first, Do(event, stop), last])
    assert first.pages == [*BOTH_EPOCHS[:told], "after"]
    assert last.pages == ([] if event == "before_fit" else first.pages)
    assert isinstance(run, lm.Run)


def test_after_fit_is_told_whatever_happens():
    for event in ("before_fit", "before_epoch", "before_batch", "after_batch", "after_epoch", "after_fit"):
        diary = Diary()
        model = model_of()
        with pytest.raises(ZeroDivisionError):
            lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[diary, Do(event, lambda run: 1 / 0)])
        assert diary.pages[-1] == "after"


# -- the log --


def test_log_means_are_of_the_batches_since_the_last_line():
    model = model_of()
    lines, losses = [], []
    lm.fit(
        model, sequence(5, 3), sequence(), optimizer=sgd(model), epochs=2,  # 7 batches
        callbacks=[Do("after_batch", lambda run: losses.append((run.loss, run.seconds))), lm.Log(3, "char", lines.append)],
    )  # fmt: skip
    assert len(lines) == 2 * (2 + 3)
    pattern = (
        r"\| epoch   (\d) \|     (\d)/    7 batches \| lr 5\.00e-01 \| ms/batch +([\d.]+) \| +([\d,]+) chars/s "
        r"\| loss +([\d.]+) \| ppl +([\d.]+)"
    )
    shown = [re.fullmatch(pattern, line) for line in lines if "batches" in line]
    assert [(m[1], m[2]) for m in shown] == [("1", "3"), ("1", "6"), ("2", "3"), ("2", "6")]
    for match, first in zip(shown, (0, 3, 7, 10)):
        mean = np.mean([loss for loss, _ in losses[first : first + 3]])
        assert float(match[5]) == pytest.approx(mean, abs=0.0051) and float(match[6]) == pytest.approx(math.exp(mean), abs=0.0051)
        seconds = losses[first + 2][1] - (losses[first - 1][1] if first % 7 else 0.0)
        assert float(match[3]) == pytest.approx(seconds / 3 * 1000, abs=0.0051)
        assert float(match[4].replace(",", "")) == pytest.approx(45 / seconds, abs=1)
    valid = [line for line in lines if "end of epoch" in line]
    assert len(valid) == 2 and "| best" in valid[0] and "bits/char" in valid[0]


def test_log_without_validation_or_length_and_of_an_explosion():
    lines = []
    log = lm.Log(1, write=lines.append)
    model = model_of()
    model.decoder.bias.data[0] = 1e9  # a loss of 1e9, finite
    lm.fit(model, iter(sequence()), optimizer=sgd(model, lr=0.0), callbacks=[log, lm.Progress()])
    assert len(lines) == 5 and all(len(line) < 130 for line in lines)
    assert "    1/    ? batches" in lines[0] and "e+0" in lines[0] and lines[0].endswith("ppl      inf")


def test_log_refuses_an_interval_below_1():
    with pytest.raises(ValueError, match="at least 1 batch, got 0"):
        lm.Log(0)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_progress_shows_on_a_terminal_only(monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream())
    model = model_of()
    lm.fit(model, sequence(), optimizer=sgd(model), epochs=2, callbacks=[lm.Progress()])
    assert ("/10 [" in sys.stderr.getvalue()) is (stream is Terminal)


# -- Ctrl-C --


@pytest.fixture
def default_interrupt():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler, "the signal was not given back"
    signal.signal(signal.SIGINT, before)


def press(run):
    signal.raise_signal(signal.SIGINT)


@pytest.mark.usefixtures("default_interrupt")
def test_ctrl_c_ends_after_the_batch():
    model, halt, diary = model_of(), lm.StopOnInterrupt(), Diary()
    at_second = Do("after_batch", lambda run: press(run) if run.step == 2 else None)
    lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[halt, at_second, diary])
    # The callback had been told of batch 2 before the key was pressed.
    assert halt.interrupted and diary.pages[-2:] == ["batch 1.3", "after"]
    run = lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[halt])  # the same callback again
    assert not halt.interrupted and run.batch == 5


@pytest.mark.usefixtures("default_interrupt")
def test_ctrl_c_during_validation_keeps_the_epoch(monkeypatch, tmp_path):
    monkeypatch.setattr(fit_module, "evaluate", lambda model, batches, criterion=None: press(None) or lm.evaluate(model, batches))
    model, halt = model_of(), lm.StopOnInterrupt()
    keep = lm.KeepBest(tmp_path / "m", text.CharVocab(list("abcdefg")))
    run = lm.fit(model, sequence(), sequence(), optimizer=sgd(model), epochs=3, callbacks=[halt, keep])  # in the worse order
    assert halt.interrupted and run.epoch == 1 and keep.saved


@pytest.mark.usefixtures("default_interrupt")
def test_a_second_ctrl_c_ends_at_once():
    model, diary = model_of(), Diary()
    with pytest.raises(KeyboardInterrupt):
        lm.fit(
            model,
            sequence(),
            optimizer=sgd(model),
            callbacks=[diary, lm.StopOnInterrupt(), Do("after_batch", lambda run: (press(run), press(run)))],
        )
    assert diary.pages == [*BOTH_EPOCHS[:4], "after"]


@pytest.mark.usefixtures("default_interrupt")
def test_the_signal_is_given_back_if_a_later_callback_cannot_start():
    model = model_of()
    with pytest.raises(ZeroDivisionError):
        lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[lm.StopOnInterrupt(), Do("before_fit", lambda run: 1 / 0)])


@pytest.mark.usefixtures("default_interrupt")
def test_outside_the_main_thread_training_works_without_the_signal():
    result = []
    model = model_of()
    thread = threading.Thread(
        target=lambda: result.append(lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[lm.StopOnInterrupt()]))
    )
    thread.start()
    thread.join()
    assert result[0].batch == 5


def test_a_signal_that_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for a background job
    try:
        model, halt = model_of(), lm.StopOnInterrupt()
        run = lm.fit(model, sequence(), optimizer=sgd(model), callbacks=[halt, Do("after_batch", press)])
        assert run.batch == 5 and not halt.interrupted and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
