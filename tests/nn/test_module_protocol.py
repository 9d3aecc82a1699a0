"""What programs do to modules beside calling them, run as one script in both libraries."""

import copy
import importlib
import operator
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import tinyrnn
from tinyrnn import nn

from .parity import raised, same_error, torch

LIBRARIES = ((tinyrnn, nn), (torch, torch.nn))


def told(values):
    """Something comparable of what a script left behind."""
    if isinstance(values, (tinyrnn.Tensor, torch.Tensor)):
        return (tuple(values.shape), np.round(values.detach().numpy().astype(np.float64), 6).tolist())
    if isinstance(values, dict):
        return {k: told(v) for k, v in values.items()}
    if isinstance(values, (list, tuple)):
        return [told(v) for v in values]
    return values


def layer_of(lib, net, D=2, O=3):
    layer = net.Linear(D, O)
    for k, p in enumerate(layer.parameters()):
        p.data = lib.tensor(np.sin(np.arange(p.numel(), dtype=np.float32) + k).reshape(tuple(p.shape)))
    return layer


# -- hooks --


def hooks_with_kwargs(lib, net):
    class Scale(net.Module):
        def forward(self, x, by=1.0):
            return x * by

    m, seen = Scale(), []
    m.register_forward_pre_hook(lambda m, args, kwargs: seen.append(("pre", args, dict(kwargs))), with_kwargs=True)
    m.register_forward_pre_hook(lambda m, args, kwargs: (args, {"by": kwargs["by"] + 1}), with_kwargs=True)
    m.register_forward_pre_hook(lambda m, args: seen.append(("first", args)), prepend=True)
    m.register_forward_hook(lambda m, args, kwargs, y: seen.append(("post", args, dict(kwargs), y)), with_kwargs=True)
    m.register_forward_hook(lambda m, args, y: y + 100, prepend=True)
    return m(lib.ones(2), by=2.0), seen


def hooks_after_exceptions(lib, net):
    class Fail(net.Module):
        def forward(self, x):
            raise KeyError("no")

    m, seen = Fail(), []
    m.register_forward_hook(lambda m, args, y: seen.append("usual"))
    m.register_forward_hook(lambda m, args, y: seen.append(("always", y)), always_call=True)
    error = type(raised(lambda: m(lib.ones(1)))).__name__

    def failing(module, args, y):
        seen.append("failing")
        raise IndexError

    layer = layer_of(lib, net)
    layer.register_forward_hook(failing, always_call=True)
    layer.register_forward_hook(lambda m, args, y: seen.append("after it"), always_call=True)
    return error, type(raised(lambda: layer(lib.ones(1, 2)))).__name__, seen


def backward_pre_hooks(lib, net):
    layer, seen = layer_of(lib, net), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
    layer.register_full_backward_pre_hook(lambda m, go: (go[0] * 2,))
    layer.register_full_backward_pre_hook(lambda m, go: seen.append(go))
    x = lib.ones(1, 2, requires_grad=True)
    layer(x).sum().backward()
    return seen, x.grad, layer.weight.grad


def removed_hooks(lib, net):
    layer, seen = layer_of(lib, net), []
    handles = [layer.register_forward_hook(lambda m, a, y, k=k: seen.append(k)) for k in range(3)]
    handles[1].remove()
    handles[1].remove()
    layer(lib.ones(1, 2))
    return seen, len(layer._forward_hooks), len(layer._forward_pre_hooks)


# -- state --


def extra_state(lib, net):
    class Counter(net.Module):
        def __init__(self, n):
            super().__init__()
            self.n = n
            self.w = net.Parameter(lib.ones(1))

        def get_extra_state(self):
            return {"n": self.n}

        def set_extra_state(self, state):
            self.n = state["n"]

    model, other = net.Sequential(Counter(3)), net.Sequential(Counter(5))
    state = model.state_dict()
    result = other.load_state_dict(state)
    missing = other.load_state_dict({"0.w": lib.zeros(1)}, strict=False)
    return list(state), other[0].n, list(result.missing_keys), list(missing.missing_keys)


def overridden_state_dict(lib, net):
    class Wrapped(net.Module):
        def __init__(self):
            super().__init__()
            self.inner = layer_of(lib, net)

        def state_dict(self, *args, **kwargs):
            return self.inner.state_dict(*args, **kwargs)

    return list(net.Sequential(Wrapped(), net.Tanh()).state_dict())


def parallel(lib, net):
    model = net.DataParallel(layer_of(lib, net))
    return list(model.state_dict()), model(lib.ones(1, 2)), model.module.in_features, repr(model)


def conversions(lib, net):
    layer = net.Sequential(layer_of(lib, net), net.Tanh())
    layer.register_buffer("ids", lib.tensor([1, 2]))
    seen = []
    for change in (
        lambda: layer.half(),
        lambda: layer.to(lib.float64),
        lambda: layer.type(lib.float32),
        lambda: layer.to("cpu", lib.float64, True),
        lambda: layer.to(lib.ones(1)),
        lambda: layer.share_memory(),
    ):
        assert change() is layer
        seen.append([str(t.dtype).split(".")[1] for t in layer.state_dict().values()])
    return seen


def overridden_apply_and_train(lib, net):
    class Watcher(net.Module):
        def __init__(self):
            super().__init__()
            self.child = net.Tanh()
            self.seen = []

        def train(self, mode=True):
            self.seen.append(mode)
            return super().train(False)

        def _apply(self, fn, *args, **kwargs):
            self.seen.append("apply")
            return super()._apply(fn, *args, **kwargs)

    model = net.Sequential(Watcher())
    model.train()
    model.double()
    model.eval()
    return model[0].seen, model[0].child.training, model.training


def a_parameter_of_its_own(lib, net):
    layer = layer_of(lib, net)
    layer._parameters["weight"].data.mul_(2)
    layer._buffers["extra"] = lib.zeros(1)
    layer._modules["child"] = net.Tanh()
    del layer._parameters["bias"]
    layer.bias = None
    return layer(lib.ones(1, 2)), repr(layer), list(layer.state_dict()), layer.extra


def paths(lib, net):
    model = net.Sequential(OrderedDict(a=layer_of(lib, net), b=net.Sequential(net.LSTM(1, 1))))
    model.register_buffer("mask", lib.zeros(2))
    model.set_submodule("b.0", net.GRU(1, 1))
    return model.get_parameter("a.weight"), model.get_buffer("mask"), type(model.get_submodule("b.0")).__name__


def other_bases(lib, net):
    class Plain:
        def __init__(self, note="none"):
            self.note = note

    class First(net.Module, Plain):
        call_super_init = True

        def __init__(self):
            super().__init__("passed on")
            self.layer = layer_of(lib, net)

    class Second(Plain, net.Module):
        def __init__(self):
            Plain.__init__(self, "by hand")
            net.Module.__init__(self)
            self.layer = layer_of(lib, net)

    return First().note, Second().note, list(First().state_dict()), list(Second().state_dict())


def plain_attributes_before_init(lib, net):
    class Early(net.Module):
        def __init__(self):
            self.size = 3
            self.table = lib.zeros(2)
            super().__init__()
            self.training = False

    m = Early()
    return m.size, m.table, m.training, list(m.state_dict())


def shallow_and_deep_copies(lib, net):
    layer = layer_of(lib, net)
    layer.list = [1]
    shallow, deep = copy.copy(layer), copy.deepcopy(layer)
    return shallow.weight is layer.weight, deep.weight is layer.weight, shallow.list is layer.list, deep.list is layer.list, repr(deep)


def listed_attributes(lib, net):
    m = net.Sequential(net.Tanh(), layer_of(lib, net))
    m.register_buffer("mask", lib.zeros(2))
    m.named = net.ReLU()
    return [name in dir(m) for name in ("0", "1", "mask", "named", "training", "forward")]


SCRIPTS = [hooks_with_kwargs, hooks_after_exceptions, backward_pre_hooks, removed_hooks, extra_state, overridden_state_dict, parallel]
SCRIPTS += [conversions, overridden_apply_and_train, a_parameter_of_its_own, paths, other_bases, plain_attributes_before_init]
SCRIPTS += [shallow_and_deep_copies, listed_attributes]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_script_leaves_the_same(script):
    assert told(script(tinyrnn, nn)) == told(script(torch, torch.nn))


WRONG_CALLS = {
    "an argument for Module": lambda lib, net: net.Module(3),
    "a keyword for Module": lambda lib, net: net.Module(a=3),
    "a parameter that is not there": lambda lib, net: net.Linear(1, 1).get_parameter("w"),
    "a parameter of a missing module": lambda lib, net: net.Linear(1, 1).get_parameter("a.w"),
    "a buffer that is a parameter": lambda lib, net: net.Linear(1, 1).get_buffer("weight"),
    "a module that is a parameter": lambda lib, net: net.Linear(1, 1).get_submodule("weight"),
    "a module put nowhere": lambda lib, net: net.Linear(1, 1).set_submodule("", net.Tanh()),
    "a hook that returns too little": lambda lib, net: hooked(net)(lib.ones(1, 1)),
    "sequential plus a list": lambda lib, net: operator.add(net.Sequential(), [net.Tanh()]),
    "sequential times nothing": lambda lib, net: net.Sequential(net.Tanh()) * 0,
    "sequential times a half": lambda lib, net: net.Sequential(net.Tanh()) * 0.5,
    "sequential of a list": lambda lib, net: net.Sequential([net.Tanh()]),
    "list of one module": lambda lib, net: net.ModuleList(net.Tanh()),
    "list extended by a number": lambda lib, net: net.ModuleList().extend(3),
    "list indexed by name": lambda lib, net: net.ModuleList([net.Tanh()])["0"],
    "list called": lambda lib, net: net.ModuleList([net.Tanh()])(3),
    "dict of numbers": lambda lib, net: net.ModuleDict({1: net.Tanh()}),
    "dict with a taken name": lambda lib, net: net.ModuleDict({"keys": net.Tanh()}),
    "dict of numbers for modules": lambda lib, net: net.ModuleDict({"a": 3}),
    "dict updated by numbers": lambda lib, net: net.ModuleDict().update([1]),
    "parameters called": lambda lib, net: net.ParameterList()(1),
    "parameters out of range": lambda lib, net: net.ParameterList([lib.zeros(1)])[1],
    "parameters from a tensor": lambda lib, net: net.ParameterList(lib.zeros(2, 2)),
    "parameters extended by a number": lambda lib, net: net.ParameterList().extend(3),
    "named parameters called": lambda lib, net: net.ParameterDict()(1),
    "named parameters: a number for a name": lambda lib, net: net.ParameterDict({1: lib.zeros(1)}),
    "named parameters: a missing name": lambda lib, net: net.ParameterDict()["a"],
    "named parameters: pop a missing name": lambda lib, net: net.ParameterDict().pop("a"),
    "named parameters: updated by a number": lambda lib, net: net.ParameterDict().update(3),
    "named parameters: triples": lambda lib, net: net.ParameterDict([("a", 1, 2)]),
    "lazy shape": lambda lib, net: net.LazyLinear(2).weight.shape,
    "lazy sum": lambda lib, net: net.LazyLinear(2).weight.sum(),
    "lazy count": lambda lib, net: sum(p.numel() for p in net.LazyLinear(2).parameters()),
    "lazy drawing": lambda lib, net: net.init.zeros_(net.LazyLinear(2).weight),
    "lazy arithmetic": lambda lib, net: net.LazyLinear(2).weight + 1,
    "lazy weights loaded": lambda lib, net: net.Linear(3, 2).load_state_dict(net.LazyLinear(2).state_dict()),
}


def hooked(net):
    layer = net.Linear(1, 1)
    layer.register_forward_pre_hook(lambda m, args, kwargs: args, with_kwargs=True)
    return layer


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_wrong_calls(case):
    assert same_error(lambda: WRONG_CALLS[case](tinyrnn, nn), lambda: WRONG_CALLS[case](torch, torch.nn))


def test_positional_arguments_of_state_dict():
    for lib, net in LIBRARIES:
        layer = layer_of(lib, net)
        with pytest.warns(FutureWarning, match="Positional args are being deprecated"):
            state = layer.state_dict(None, "a.", True)
        assert list(state) == ["a.weight", "a.bias"] and state["a.weight"] is layer.weight


# -- containers --


def parameter_lists(lib, net):
    m = net.ParameterList([lib.zeros(2, 3), 5, "a", net.Parameter(lib.zeros(()))])
    m.append(lib.ones(1)).extend([lib.ones(2)])
    m[1] = lib.zeros(4)
    m += (3,)
    texts = [repr(m).replace(f"{lib.__name__}.", ""), repr(m[1:3]).replace(f"{lib.__name__}.", "")]
    return texts, len(m), list(m.state_dict()), [type(v).__name__ for v in m], m[-2], [n for n, _ in m.named_parameters()]


def parameter_dicts(lib, net):
    m = net.ParameterDict({"b": lib.zeros(2), "a": net.Parameter(lib.ones(1)), "c": 3})
    seen = [list(m), next(iter(m.items()))[0], m.popitem(), m.get("zz"), m.get("zz", 4), m.setdefault("q", lib.ones(2)), m.setdefault("b")]
    m["z"] = lib.zeros(1)
    m.update([("m", lib.ones(1)), ("a", lib.zeros(1))])
    m.update({"y": lib.zeros(1), "x": lib.zeros(1)})
    m |= {"w": lib.zeros(2)}
    seen += [list(m), list(reversed(m)), "b" in m, len(m), list(m | {"v": lib.zeros(1)}), list({"u": 1} | m), list(m.copy())]
    seen += [m.pop("z"), list(m.fromkeys(["i", "j"], lib.zeros(1)))]
    del m["y"]
    seen += [list(m.keys()), len(list(m.values())), list(m.state_dict()), repr(m).replace("torch.", "")]
    other = net.ParameterDict(m)
    m.clear()
    return seen, repr(m), list(other), [n for n, _ in other.named_parameters()]


def sequences(lib, net):
    m = net.Sequential(net.Tanh(), net.ReLU())
    m *= 2
    longer = 2 * m + net.Sequential(net.Sigmoid())
    longer.extend([net.Tanh()]).append(net.ReLU()).insert(0, net.ELU())
    popped = longer.pop(1), longer.pop(-1), longer[2:4]
    del longer[0:2]
    m += net.Sequential(net.GELU())
    return [repr(x) for x in (m, longer, *popped)], net.Sequential()(3), len(longer)


def lists(lib, net):
    m = net.ModuleList([net.Tanh(), None])
    inserted = m.insert(1, net.ReLU())
    m += [net.GELU()]
    both = operator.add(m, [net.ELU()])
    return [repr(x) for x in (m, both, both.pop(slice(0, 2)), both[::-1], m[5:])], inserted, len(m)


def dictionaries(lib, net):
    m = net.ModuleDict([("b", net.Tanh()), ("a", net.ReLU())])
    m.update(OrderedDict(z=net.ELU(), c=net.GELU()))
    m.update(net.ModuleDict({"n": net.Tanh()}))
    popped = m.pop("a")
    return list(m), repr(m), repr(popped), list(reversed(list(m.keys())))


@pytest.mark.parametrize("script", [parameter_lists, parameter_dicts, sequences, lists, dictionaries])
def test_containers(script):
    assert told(script(tinyrnn, nn)) == told(script(torch, torch.nn))


# -- layers that wait for their first batch --


def lazy(lib, net):
    model = net.Sequential(net.LazyLinear(3), net.Tanh(), net.LazyLinear(2, bias=False)).double()
    optimizer = lib.optim.SGD(model.parameters(), lr=0.1)
    before = repr(model), repr(model[0].weight), list(model.state_dict()), model[0].has_uninitialized_params(), repr(copy.deepcopy(model))
    model.zero_grad()
    y = model(lib.ones(4, 5, dtype=lib.float64))
    y.sum().backward()
    optimizer.step()
    shapes = [tuple(p.shape) for p in model.parameters()], [p.grad is not None for p in model.parameters()]
    return before, repr(model), tuple(y.shape), str(y.dtype).split(".")[1], shapes, isinstance(model[0].weight, net.Parameter)


def lazy_loaded(lib, net):
    model = net.LazyLinear(3)
    model.load_state_dict(layer_of(lib, net).state_dict())
    return model.weight, model(lib.ones(1, 2)), repr(model)


@pytest.mark.parametrize("script", [lazy, lazy_loaded])
def test_lazy_layers(script):
    assert told(script(tinyrnn, nn)) == told(script(torch, torch.nn))


def test_lazy_weights_are_drawn_as_linear_ones():
    layer = nn.LazyLinear(50)
    layer(tinyrnn.ones(1, 400))
    assert type(layer) is nn.Linear and 0.045 < layer.weight.abs().max().item() <= 0.05 and layer.weight.requires_grad


# -- files and places --


def test_parameters_keep_their_names_in_files():
    other = pickle.loads(pickle.dumps(nn.LSTM(2, 3)))
    assert [p.name for p in other.parameters()] == ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
    state = nn.Linear(2, 2).__dict__.copy()
    del state["_forward_hooks_with_kwargs"], state["_backward_pre_hooks"]
    state["_parameters"]["weight"].name = None
    layer = nn.Linear.__new__(nn.Linear)
    layer.__setstate__(state)
    assert layer.weight.name == "weight" and layer(tinyrnn.ones(1, 2)).shape == (1, 2)


PATHS = {
    "rnn": "RNNBase RNN LSTM GRU RNNCellBase RNNCell LSTMCell GRUCell",
    "linear": "Linear Bilinear Identity LazyLinear",
    "loss": "_Loss _WeightedLoss CrossEntropyLoss NLLLoss MSELoss L1Loss BCELoss BCEWithLogitsLoss KLDivLoss",
    "activation": "ReLU Tanh Sigmoid Softmax MultiheadAttention",
    "dropout": "Dropout Dropout1d",
    "sparse": "Embedding EmbeddingBag",
    "container": "Sequential ModuleList ModuleDict ParameterList ParameterDict",
    "module": "Module",
    "normalization": "LayerNorm",
    "batchnorm": "BatchNorm1d",
    "conv": "Conv1d",
    "pooling": "MaxPool1d AvgPool1d",
    "transformer": "Transformer TransformerEncoder TransformerEncoderLayer",
    "distance": "CosineSimilarity PairwiseDistance",
    "flatten": "Flatten Unflatten",
    "padding": "ZeroPad1d ConstantPad1d ReflectionPad1d ReplicationPad1d CircularPad1d",
}


@pytest.mark.parametrize("path", PATHS)
def test_the_paths_of_pytorch(path):
    ours, theirs = (importlib.import_module(f"{name}.modules.{path}") for name in ("tinyrnn.nn", "torch.nn"))
    assert getattr(nn.modules, path) is ours
    for name in PATHS[path].split():
        assert hasattr(theirs, name) and getattr(ours, name).__name__ == name
        if not name.startswith("_"):
            assert getattr(ours, name) is getattr(nn, name) is getattr(nn.modules, name)
    with pytest.raises(AttributeError, match="has no attribute"):
        ours.Nonsense  # noqa: B018


def test_one_module_of_each_name():
    from tinyrnn.nn.modules.rnn import LSTM

    from tinyrnn.nn.parameter import Parameter, UninitializedParameter

    assert LSTM is nn.LSTM and Parameter is nn.Parameter and issubclass(UninitializedParameter, Parameter)
