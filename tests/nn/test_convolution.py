"""Convolution and pooling are PyTorch's, at every option, to the second derivative."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .parity import both, parameter_pairs, same, same_error, same_run, share_weights, torch

F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}
HERE, THERE = (tinyrnn, nn, F), (torch, torch.nn, torch.nn.functional)
batched = st.booleans()


@given(
    groups=st.integers(1, 3),
    channels=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    kernel_size=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.one_of(st.integers(0, 3), st.sampled_from(["same", "valid"])),
    dilation=st.integers(1, 3),
    bias=st.booleans(),
    mode=st.sampled_from(["zeros", "zeros", "reflect", "replicate", "circular"]),
    N=st.sampled_from([None, 1, 3]),
    L=st.integers(4, 12),
    seed=st.integers(0, 99),
)
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_convolution(groups, channels, kernel_size, stride, padding, dilation, bias, mode, N, L, seed):
    rng = np.random.default_rng(seed)
    stride = 1 if padding == "same" else stride
    extra = padding if isinstance(padding, int) else dilation * (kernel_size - 1) // 2 if padding == "same" else 0
    assume(dilation * (kernel_size - 1) + 1 <= L + 2 * extra)
    assume(mode == "zeros" or extra < L - 1)
    C, O = (groups * n for n in channels)
    ours, theirs = (
        net.Conv1d(C, O, kernel_size, stride, padding, dilation, groups, bias, mode, **kind) for net, kind in zip((nn, torch.nn), F64)
    )
    assert repr(ours) == repr(theirs)
    share_weights(ours, theirs)
    x = both(rng.standard_normal((C, L) if N is None else (N, C, L)))
    same_run(ours(x[0]), theirs(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, rng)


@pytest.mark.parametrize("mode", ["zeros", "circular"])
@pytest.mark.filterwarnings("ignore:Using padding='same'")
def test_an_odd_element_of_same_padding_goes_behind(mode):
    x = both(np.arange(1.0, 9.0).reshape(1, 8))
    for kernel_size in (2, 3, 4):
        for dilation in (1, 2, 3):
            options = {"padding": "same", "dilation": dilation, "padding_mode": mode}
            ours, theirs = (net.Conv1d(1, 1, kernel_size, **options, **kind) for net, kind in zip((nn, torch.nn), F64))
            share_weights(ours, theirs)
            same(ours(x[0]), theirs(x[1]))


def test_sizes_in_tuples():
    x = both(np.arange(12.0).reshape(1, 2, 6))
    w = both(np.ones((2, 1, 2)))
    ours = F.conv1d(x[0], w[0], None, (2,), (1,), [1], 2)
    same(ours, torch.nn.functional.conv1d(x[1], w[1], None, (2,), (1,), [1], 2))
    assert ours.is_contiguous()
    assert repr(nn.Conv1d(2, 4, (3,), stride=[2])) == repr(torch.nn.Conv1d(2, 4, (3,), stride=[2]))


def test_initial_weights():
    tinyrnn.manual_seed(0), torch.manual_seed(0)
    ours, theirs = nn.Conv1d(8, 64, 5, groups=4), torch.nn.Conv1d(8, 64, 5, groups=4)
    for mine, their in parameter_pairs(ours, theirs).values():
        np.testing.assert_allclose(np.abs(mine.detach().numpy()).max(), their.abs().max().item(), rtol=0.1)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 2, "dilation": 2}, {"groups": 2, "padding": "same"}])
def test_second_derivatives(options):
    rng = np.random.default_rng(0)
    groups = options.get("groups", 1)
    x, w, b = (both(rng.standard_normal(shape))[0] for shape in ((2, 2, 6), (2, 2 // groups, 3), (2,)))
    assert tinyrnn.autograd.gradgradcheck(lambda x, w, b: F.conv1d(x, w, b, **options), (x, w, b))
    # and the rules of what the first derivatives are made of
    gradient = tinyrnn.grad(F.conv1d(x, w, b, **options).square().sum(), [x, w], create_graph=True)
    assert all(g.requires_grad for g in gradient)


pools = {
    "kernel_size": st.integers(1, 5),
    "stride": st.sampled_from([None, 1, 2, 4]),
    "padding": st.integers(0, 2),
    "ceil_mode": st.booleans(),
}


@given(options=st.fixed_dictionaries(pools), dilation=st.integers(1, 3), ties=st.booleans(), batched=batched, seed=st.integers(0, 99))
def test_max_pool(options, dilation, ties, batched, seed):
    rng = np.random.default_rng(seed)
    assume(2 * options["padding"] <= options["kernel_size"])
    assume(dilation * (options["kernel_size"] - 1) + 1 <= 9 + 2 * options["padding"])
    ours, theirs = (net.MaxPool1d(**options, dilation=dilation, return_indices=True) for net in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    x = both((rng.integers(0, 3, (2, 3, 9)) if ties else rng.standard_normal((2, 3, 9))).astype(float)[() if batched else 0])
    y, their_y = ours(x[0]), theirs(x[1])
    same(y[1], their_y[1])
    same_run(y[0], their_y[0], {"input": x}, rng)
    same(F.max_pool1d(x[0], **options, dilation=dilation), y[0].detach())


def test_every_place_of_the_last_window():
    x = both(np.random.default_rng(0).standard_normal((1, 9)), requires_grad=False)
    for size, stride, padding, ceil in itertools.product(range(1, 5), range(1, 5), range(3), (False, True)):
        if 2 * padding <= size:
            for name, more in (
                ("max_pool1d", (2, ceil)),
                ("max_pool1d", (1, ceil)),
                ("avg_pool1d", (ceil,)),
                ("avg_pool1d", (ceil, False)),
            ):
                arguments = (size, stride, padding, *more)
                ours, theirs = (getattr(f, name)(t, *arguments) for f, t in zip((F, torch.nn.functional), x))
                same(ours, theirs, what=f"{name}{arguments}")


@given(options=st.fixed_dictionaries({**pools, "count_include_pad": st.booleans()}), batched=batched, seed=st.integers(0, 99))
def test_average_pool(options, batched, seed):
    rng = np.random.default_rng(seed)
    assume(2 * options["padding"] <= options["kernel_size"])
    ours, theirs = nn.AvgPool1d(**options), torch.nn.AvgPool1d(**options)
    assert repr(ours) == repr(theirs)
    x = both(rng.standard_normal((2, 3, 9) if batched else (3, 9)))
    same_run(ours(x[0]), theirs(x[1]), {"input": x}, rng)


@given(L=st.integers(1, 9), size=st.integers(1, 9), kind=st.sampled_from(["Avg", "Max"]), batched=batched, seed=st.integers(0, 99))
def test_adaptive_pools(L, size, kind, batched, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = (getattr(net, f"Adaptive{kind}Pool1d")(size) for net in (nn, torch.nn))
    assert repr(ours) == repr(theirs)
    x = both(rng.standard_normal((2, 3, L) if batched else (3, L)))
    same_run(ours(x[0]), theirs(x[1]), {"input": x}, rng)
    if kind == "Max":
        same(F.adaptive_max_pool1d(x[0], size, True)[1], torch.nn.functional.adaptive_max_pool1d(x[1], size, True)[1])


def test_adaptive_pools_of_size_zero():
    assert F.adaptive_avg_pool1d(tinyrnn.ones(2, 3, 4), 0).shape == F.adaptive_max_pool1d(tinyrnn.ones(2, 3, 4), 0).shape == (2, 3, 0)


def test_pools_have_second_derivatives():
    x = both(np.random.default_rng(0).standard_normal((2, 7)))[0]
    for pool in (lambda x: F.max_pool1d(x, 3, 2, 1), lambda x: F.avg_pool1d(x, 3, 2, 1), lambda x: F.adaptive_avg_pool1d(x, 3)):
        assert tinyrnn.autograd.gradgradcheck(lambda x, pool=pool: pool(x) ** 3, (x,))


WRONG = {
    "groups of inputs": lambda lib, net, f: net.Conv1d(4, 6, 3, groups=3),
    "groups of outputs": lambda lib, net, f: net.Conv1d(6, 4, 3, groups=3),
    "no groups": lambda lib, net, f: net.Conv1d(4, 6, 3, groups=0),
    "padding mode": lambda lib, net, f: net.Conv1d(4, 6, 3, padding_mode="x"),
    "same with a stride": lambda lib, net, f: net.Conv1d(4, 6, 3, stride=2, padding="same"),
    "padding": lambda lib, net, f: net.Conv1d(4, 6, 3, padding="x"),
    "channels": lambda lib, net, f: net.Conv1d(4, 6, 3)(lib.zeros(2, 5, 7)),
    "too short": lambda lib, net, f: net.Conv1d(4, 6, 3)(lib.zeros(2, 4, 2)),
    "nothing": lambda lib, net, f: net.Conv1d(4, 6, 1)(lib.zeros(2, 4, 0)),
    "one axis": lambda lib, net, f: net.Conv1d(4, 6, 3)(lib.zeros(4)),
    "four axes": lambda lib, net, f: net.Conv1d(4, 6, 3)(lib.zeros(1, 2, 4, 7)),
    "dtype": lambda lib, net, f: net.Conv1d(4, 6, 3)(lib.zeros(2, 4, 7).double()),
    "integers": lambda lib, net, f: net.Conv1d(4, 6, 3)(lib.zeros(2, 4, 7).long()),
    "function: stride": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), stride=0),
    "function: strides": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), stride=(2, 2)),
    "function: padding": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), padding=-1),
    "function: padding name": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), padding="x"),
    "function: same with a stride": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), padding="same", stride=2),
    "function: dilation": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), dilation=0),
    "function: bias": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2, 2), lib.zeros(4)),
    "function: weight": lambda lib, net, f: f.conv1d(lib.zeros(1, 2, 5), lib.zeros(3, 2)),
    "function: groups": lambda lib, net, f: f.conv1d(lib.zeros(1, 4, 5), lib.zeros(3, 2, 2), groups=2),
    "reflected too far": lambda lib, net, f: net.Conv1d(1, 1, 3, padding=5, padding_mode="reflect")(lib.zeros(1, 1, 5)),
    "max: padding": lambda lib, net, f: f.max_pool1d(lib.zeros(1, 1, 7), 3, 2, 2),
    "max: too short": lambda lib, net, f: f.max_pool1d(lib.zeros(1, 1, 7), 9),
    "max: one axis": lambda lib, net, f: f.max_pool1d(lib.zeros(7), 3),
    "max: four axes": lambda lib, net, f: f.max_pool1d(lib.zeros(1, 1, 1, 7), 3),
    "max: integers": lambda lib, net, f: f.max_pool1d(lib.zeros(1, 1, 7).long(), 3),
    "max: stride": lambda lib, net, f: f.max_pool1d(lib.zeros(1, 1, 7), 3, 0),
    "mean: padding": lambda lib, net, f: f.avg_pool1d(lib.zeros(1, 1, 7), 3, 2, 2),
    "mean: too short": lambda lib, net, f: f.avg_pool1d(lib.zeros(1, 1, 7), 9),
    "mean: one axis": lambda lib, net, f: f.avg_pool1d(lib.zeros(7), 3),
    "adaptive: None": lambda lib, net, f: f.adaptive_avg_pool1d(lib.zeros(1, 1, 7), None),
    "adaptive: negative": lambda lib, net, f: f.adaptive_avg_pool1d(lib.zeros(1, 1, 7), -1),
    "adaptive: one axis": lambda lib, net, f: f.adaptive_avg_pool1d(lib.zeros(7), 1),
    "adaptive: four axes": lambda lib, net, f: f.adaptive_avg_pool1d(lib.zeros(1, 1, 1, 7), 1),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_arguments_raise_what_pytorch_raises(call):
    assert same_error(lambda: call(*HERE), lambda: call(*THERE))
