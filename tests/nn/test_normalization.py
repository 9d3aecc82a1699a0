"""Normalisations are PyTorch's, in training and in evaluation, with what they remember."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .parity import both, parameter_pairs, same, same_error, same_run, torch

F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}
HERE, THERE = (tinyrnn, nn, F), (torch, torch.nn, torch.nn.functional)
flags = st.booleans()


def pair_of(kind, *args, **options):
    """A module of each library with equal random weights; what is printed, weights and buffers agree before."""
    ours, theirs = (getattr(net, kind)(*args, **options, **k) for net, k in zip((nn, torch.nn), F64))
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mine, their in zip(ours.state_dict().values(), theirs.state_dict().values()):
        same(mine, their)
    rng = np.random.default_rng(0)
    for mine, their in parameter_pairs(ours, theirs).values():
        values = rng.standard_normal(tuple(mine.shape))
        mine.data, their.data = tinyrnn.tensor(values), torch.tensor(values)
    return ours, theirs


@given(
    kind=st.sampled_from(["BatchNorm1d", "InstanceNorm1d"]),
    options=st.fixed_dictionaries(
        {"affine": flags, "track_running_stats": flags, "momentum": st.sampled_from([None, 0.1, 0.5]), "bias": flags}
    ),
    shape=st.sampled_from([(4, 3), (4, 3, 5), (2, 3, 2), (3, 1)]),
    seed=st.integers(0, 99),
)
def test_running_norms(kind, options, shape, seed):
    """Three batches in training mode, then one in evaluation mode: results, gradients and buffers."""
    rng = np.random.default_rng(seed)
    if kind == "InstanceNorm1d":
        options["momentum"] = options["momentum"] or 0.2
        shape = shape if shape[-1] > 1 else (3, 4)
        C = shape[1] if len(shape) == 3 else shape[0]
    else:
        C = shape[1]
    ours, theirs = pair_of(kind, C, eps=1e-3, **options)
    for train in (True, True, True, False):
        x = both(rng.standard_normal(shape) * 2 + 1)
        same_run(ours.train(train)(x[0]), theirs.train(train)(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, rng)
        for mine, their in zip(ours.buffers(), theirs.buffers()):
            same(mine, their)
    ours.reset_parameters(), theirs.reset_parameters()
    for mine, their in zip(ours.state_dict().values(), theirs.state_dict().values()):
        same(mine, their)


@given(
    kind=st.sampled_from([("LayerNorm", 3), ("LayerNorm", (2, 3)), ("RMSNorm", 3), ("RMSNorm", (2, 3)), ("GroupNorm", (2, 4))]),
    affine=flags,
    eps=st.sampled_from([None, 1e-2]),
    lead=st.sampled_from([(2,), (1, 2)]),
    seed=st.integers(0, 99),
)
def test_other_norms(kind, affine, eps, lead, seed):
    rng = np.random.default_rng(seed)
    name, sizes = kind
    options = {"affine" if name == "GroupNorm" else "elementwise_affine": affine, **({} if eps is None else {"eps": eps})}
    ours, theirs = pair_of(name, *(sizes if name == "GroupNorm" else (sizes,)), **options)
    x = both(rng.standard_normal((2, 4, *lead) if name == "GroupNorm" else (*lead, 2, 3)))
    same_run(ours(x[0]), theirs(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, rng)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2)])
def test_batch_norm_function(shape, training):
    """Without weights, more axes than the module takes, and running values that are not parts of a module."""
    rng = np.random.default_rng(0)
    x, m, v = both(rng.standard_normal(shape)), both(rng.standard_normal(3), False), both(rng.random(3), False)
    ours = F.batch_norm(x[0], m[0], v[0], training=training, momentum=0.3)
    theirs = torch.nn.functional.batch_norm(x[1], m[1], v[1], training=training, momentum=0.3)
    same_run(ours, theirs, {"input": x}, rng)
    same(m[0], m[1])
    same(v[0], v[1])


def test_second_derivatives():
    rng = np.random.default_rng(0)
    x, w, b = (both(rng.standard_normal(shape))[0] for shape in ((3, 2), (2,), (2,)))
    for norm in (
        lambda x, w, b: F.layer_norm(x, 2, w, b),
        lambda x, w, b: F.rms_norm(x, 2, w) + b,
        lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True),
    ):
        assert tinyrnn.autograd.gradcheck(norm, (x, w, b))
        assert tinyrnn.autograd.gradgradcheck(norm, (x, w, b))


def test_tracking_switched_off_later():
    """What was remembered is used in evaluation mode, and left as it is in training mode."""
    rng = np.random.default_rng(0)
    ours, theirs = pair_of("BatchNorm1d", 3)
    for switch in (True, False):
        for train in (True, False):
            x = both(rng.standard_normal((4, 3)))
            for norm in (ours, theirs):
                norm.track_running_stats = switch
            same(ours.train(train)(x[0]), theirs.train(train)(x[1]))
            for mine, their in zip(ours.buffers(), theirs.buffers()):
                same(mine, their)


def test_of_nothing():
    assert nn.BatchNorm1d(3)(tinyrnn.zeros(0, 3)).shape == nn.LayerNorm(3)(tinyrnn.zeros(0, 3)).shape == (0, 3)


def test_far_from_zero():
    """The variance is that of what is left when the mean is gone: no digits are lost to a large mean."""
    x = both(np.random.default_rng(0).standard_normal((50, 4)) + 1e6)
    for norm in ("layer_norm", "batch_norm"):
        arguments = ((4,),) if norm == "layer_norm" else (None, None, None, None, True)
        y = [getattr(lib.nn.functional, norm)(t, *arguments) for lib, t in zip((tinyrnn, torch), x)]
        same(*y, tolerance=1e-7)


WRONG = {
    "one value": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(1, 3)),
    "one value of a sequence": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(1, 3, 1)),
    "channels": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(2, 4)),
    "channels of a sequence": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(2, 4, 3)),
    "one axis": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(3)),
    "four axes": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(2, 3, 4, 5)),
    "dtype": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(2, 3).double()),
    "integers": lambda lib, net, f: net.BatchNorm1d(3)(lib.zeros(2, 3).long()),
    "function: nothing to use": lambda lib, net, f: f.batch_norm(lib.zeros(2, 3), None, None),
    "function: running mean": lambda lib, net, f: f.batch_norm(lib.zeros(2, 3), lib.zeros(4), lib.zeros(3)),
    "function: weight": lambda lib, net, f: f.batch_norm(lib.zeros(2, 3), lib.zeros(3), lib.zeros(3), lib.zeros(4)),
    "function: one value": lambda lib, net, f: f.batch_norm(lib.zeros(1, 3), None, None, training=True),
    "function: one axis": lambda lib, net, f: f.batch_norm(lib.zeros(3), lib.zeros(3), lib.zeros(3)),
    "layer norm, size": lambda lib, net, f: net.LayerNorm(3)(lib.zeros(2, 4)),
    "rms norm, size": lambda lib, net, f: net.RMSNorm(3)(lib.zeros(2, 4)),
    "groups": lambda lib, net, f: net.GroupNorm(3, 4),
    "group norm, channels": lambda lib, net, f: net.GroupNorm(2, 4)(lib.zeros(2, 6, 3)),
    "group norm, one axis": lambda lib, net, f: net.GroupNorm(2, 4)(lib.zeros(4)),
    "group norm, one value": lambda lib, net, f: net.GroupNorm(2, 2)(lib.zeros(1, 2)),
    "instance norm, one value": lambda lib, net, f: net.InstanceNorm1d(3)(lib.zeros(2, 3, 1)),
    "instance norm, channels": lambda lib, net, f: net.InstanceNorm1d(3, affine=True)(lib.zeros(2, 4, 5)),
    "instance norm, one axis": lambda lib, net, f: net.InstanceNorm1d(3)(lib.zeros(3)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_raise_what_pytorch_raises(call):
    assert same_error(lambda: call(*HERE), lambda: call(*THERE))
