"""``lm.fit``, ``evaluate`` and the ready-made callbacks with a model on a GPU: what NumPy gives, and when the host waits."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest

import tinyrnn
from tinyrnn import lm, nn, optim, text

pytestmark = pytest.mark.gpu

V = 7
IDS = np.random.default_rng(0).integers(V, size=101)
BATCHES = text.SequentialBatches(IDS, 5, 4)  # 5 of them
OPTIMISERS = {
    "SGD": partial(optim.SGD, lr=0.5, momentum=0.9),
    "Adam": partial(optim.Adam, lr=0.05),
    "RMSprop": partial(optim.RMSprop, lr=0.05),  # without a kernel for all parameters
}


def model_on(device, **options):
    tinyrnn.manual_seed(5)
    return lm.LanguageModel(V, 4, 6, **options).to(device, tinyrnn.float64)


def weights(model):
    return [p.detach().cpu().numpy().copy() for p in model.parameters()]


class Do(lm.Callback):
    """Calls a function at one event."""

    def __init__(self, event, function):
        setattr(self, event, function)


@pytest.fixture
def counter():
    cupysim = pytest.importorskip("cupysim", reason="copies are counted on the simulated device only")
    if cupysim.lib is None:
        pytest.skip("copies are counted on the simulated device only")
    return cupysim.count


@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_run_is_that_of_numpy(make):
    runs, models = [], []
    for device in ("cpu", "cuda"):
        model = model_on(device, dropout=0.2)
        optimizer = make(model.parameters())
        schedule = optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=10, cycle_momentum=False)
        seen, lines = [], []
        note = Do("after_batch", lambda run, seen=seen: seen.append(run.loss) if run.batch % 2 else None)
        log = lm.Log(2, "char", lines.append)
        run = lm.fit(model, BATCHES, BATCHES, optimizer=optimizer, epochs=2, clip=0.5, schedule=schedule, callbacks=[note, log])
        runs.append([*seen, run.loss, run.nats, run.valid.nats, *(value for epoch in run.history for value in epoch.values())])
        models.append(model)
        assert len(lines) == 10 and run.seconds > 0 and optimizer.found_inf is None
    np.testing.assert_allclose(runs[1], runs[0], rtol=1e-10)
    for p, q in zip(*map(weights, models)):
        np.testing.assert_allclose(q, p, rtol=1e-9, atol=1e-12)


def test_any_module_with_a_criterion():
    rng = np.random.default_rng(0)
    batches = []
    for n in (5, 5, 2):
        targets = rng.integers(3, size=n)
        targets[0] = -100
        batches.append(
            ([tinyrnn.tensor(rng.standard_normal((n, 4))), tinyrnn.tensor(rng.standard_normal((n, 2)))], tinyrnn.tensor(targets))
        )
    results = []
    for device in ("cpu", "cuda"):
        tinyrnn.manual_seed(0)
        model = nn.Bilinear(4, 2, 3).to(device, tinyrnn.float64)
        adam = optim.Adam(model.parameters(), lr=0.1)
        run = lm.fit(model, batches, batches, optimizer=adam, epochs=2, criterion=nn.CrossEntropyLoss())
        there = [([x.to(device) for x in inputs], y.to(device)) for inputs, y in batches]
        assert lm.evaluate(model, there, nn.CrossEntropyLoss()).nats == pytest.approx(run.valid.nats, rel=1e-12)
        results.append([run.tokens, run.loss, run.valid.tokens, *(epoch["loss"] for epoch in run.history)])
    assert results[1] == pytest.approx(results[0], rel=1e-10)


def test_between_log_lines_only_the_batch_is_copied_and_nobody_waits(counter):
    model, asked = model_on("cuda", dropout=0.2), []

    class Count(lm.Callback):
        def before_batch(self, run):
            self.counting = counter()
            self.counted = self.counting.__enter__()

        def after_batch(self, run):
            self.counting.__exit__(None, None, None)
            if run.step > 2:
                asked.append([self.counted[kind] for kind in ("h2d", "d2h", "syncs")])

    adam = optim.Adam(model.parameters())
    callbacks = [Count(), lm.Progress(), lm.EarlyStop(9), lm.StopOnInterrupt()]  # Count is told before the others
    with counter() as whole:
        lm.fit(model, BATCHES, BATCHES, optimizer=adam, epochs=4, clip=1.0, callbacks=callbacks)
    assert asked == [[2, 0, 0]] * 18
    assert whole["d2h"] == 4 * 2, whole.log  # at the end of an epoch the training's account and the validation's sum
    with counter() as whole:
        lm.fit(model, BATCHES, optimizer=adam, callbacks=[lm.Log(2, write=lambda line: None)])
    assert whole["d2h"] == 2 + 1


@pytest.mark.parametrize("what", ["loss", "gradient"])
@pytest.mark.parametrize("make", OPTIMISERS.values(), ids=OPTIMISERS)
def test_a_step_that_is_not_finite_is_not_taken_nor_any_after_it(make, what):
    model, kept, told = model_on("cuda"), [], []

    def explode(run):
        told.append(run.batch)
        if run.batch == 2:
            kept.extend(weights(model))
            if what == "gradient":
                model.decoder.bias.register_hook(lambda g: g * math.inf)
            else:
                model.drop.register_forward_hook(lambda module, inputs, output: output * math.nan)

    with pytest.raises(FloatingPointError, match=r"epoch 1, batch 3: the loss is .* and the norm of its gradients (inf|nan)"):
        lm.fit(model, BATCHES, optimizer=make(model.parameters()), clip=1.0, callbacks=[Do("after_batch", explode)])
    assert told == [1, 2, 3, 4, 5]  # it was noticed at the end of the epoch
    assert all(np.array_equal(p, q) for p, q in zip(weights(model), kept, strict=True))


@pytest.mark.parametrize("ask", ["loss", "nats", None])
def test_it_is_noticed_where_a_callback_asks_or_training_is_stopped(ask):
    model = model_on("cuda")
    model.decoder.bias.data.fill_(math.inf)

    def after_batch(run):
        if run.batch == 3:
            if ask is None:
                raise lm.StopTraining
            getattr(run, ask)

    with pytest.raises(FloatingPointError, match="batch 1: the loss is nan"):
        lm.fit(model, BATCHES, optimizer=optim.Adam(model.parameters()), callbacks=[Do("after_batch", after_batch)])


def test_an_optimiser_with_a_step_of_its_own_is_asked_at_every_step():
    class Own(optim.Optimizer):
        def step(self, closure=None):
            for p in self.param_groups[0]["params"]:
                p.data.sub_(0.1 * p.grad)

    model = model_on("cuda")
    model.decoder.bias.data.fill_(math.inf)
    before = weights(model)
    with pytest.raises(FloatingPointError, match="batch 1: the loss is nan"):
        lm.fit(model, BATCHES, optimizer=Own(model.parameters(), {"lr": 0.1}))
    assert all(np.array_equal(p, q) for p, q in zip(weights(model), before))


@pytest.mark.parametrize("bad", [-1, V])
@pytest.mark.parametrize("what", [0, 1])
def test_ids_are_checked_before_they_are_copied(what, bad):
    model, batch = model_on("cuda"), list(next(iter(BATCHES)))
    batch[what] = batch[what].clone()
    batch[what][2, 1] = bad
    for use in (lambda: lm.evaluate(model, [batch]), lambda: lm.fit(model, [batch], optimizer=optim.Adam(model.parameters()))):
        with pytest.raises(IndexError, match=rf"id {bad} at \[2, 1\]" if what == 0 else f"id {bad}"):
            use()
    batch[what][2, 1] = -100
    if what == 1:
        assert lm.evaluate(model, [batch]).tokens == 19
