"""Modules behave as PyTorch's do: layers in value and gradient, containers, names, hooks, what is printed."""

from collections import OrderedDict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
from tinyrnn import nn
from tinyrnn.nn import functional as F

from .parity import both, parameter_pairs, raised, same, same_error, same_run, share_weights, torch

F64 = {"dtype": tinyrnn.float64}, {"dtype": torch.float64}
LIBRARIES = pytest.mark.parametrize(("lib", "net"), [(tinyrnn, nn), (torch, torch.nn)], ids=["tinyrnn", "torch"])


def pair_of(kind, *args, **options):
    return getattr(nn, kind)(*args, **options, **F64[0]), getattr(torch.nn, kind)(*args, **options, **F64[1])


# -- layers --

leading = st.sampled_from([(), (3,), (2, 3), (1, 1, 2), (0,)])


@given(lead=leading, D=st.integers(1, 4), O=st.integers(1, 4), bias=st.booleans(), seed=st.integers(0, 99))
def test_linear(lead, D, O, bias, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = pair_of("Linear", D, O, bias=bias)
    share_weights(ours, theirs)
    x = both(rng.standard_normal((*lead, D)))
    assert repr(ours) == repr(theirs)
    same_run(ours(x[0]), theirs(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, rng)


@given(lead=leading, bias=st.booleans(), seed=st.integers(0, 99))
def test_bilinear(lead, bias, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = pair_of("Bilinear", 2, 3, 4, bias=bias)
    share_weights(ours, theirs)
    x, z = both(rng.standard_normal((*lead, 2))), both(rng.standard_normal((*lead, 3)))
    assert repr(ours) == repr(theirs)
    same_run(ours(x[0], z[0]), theirs(x[1], z[1]), {"x": x, "z": z, **parameter_pairs(ours, theirs)}, rng)


@given(shape=st.sampled_from([(), (3,), (2, 3), (0,)]), padding=st.sampled_from([None, 0, 2, -1]), seed=st.integers(0, 99))
def test_embedding(shape, padding, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = pair_of("Embedding", 4, 3, padding_idx=padding)
    assert repr(ours) == repr(theirs) and ours.padding_idx == theirs.padding_idx
    if padding is not None:
        assert (ours.weight[ours.padding_idx] == 0).all()
    share_weights(ours, theirs)
    ids = both(rng.integers(0, 4, shape))
    same_run(ours(ids[0]), theirs(ids[1]), parameter_pairs(ours, theirs), rng)
    ours(ids[0]).sum().backward()
    theirs(ids[1]).sum().backward()
    same(ours.weight.grad, theirs.weight.grad)


@given(
    normalized=st.sampled_from([3, (3,), (2, 3)]),
    lead=st.sampled_from([(), (4,)]),
    affine=st.booleans(),
    bias=st.booleans(),
    seed=st.integers(0, 99),
)
def test_layer_norm(normalized, lead, affine, bias, seed):
    rng = np.random.default_rng(seed)
    ours, theirs = pair_of("LayerNorm", normalized, eps=1e-3, elementwise_affine=affine, bias=bias)
    assert repr(ours) == repr(theirs)
    for mine, their in parameter_pairs(ours, theirs).values():
        same(mine, their)
        values = rng.standard_normal(tuple(mine.shape))
        mine.data, their.data = tinyrnn.tensor(values), torch.tensor(values)
    x = both(rng.standard_normal((*lead, 2, 3)))
    same_run(ours(x[0]), theirs(x[1]), {"input": x, **parameter_pairs(ours, theirs)}, rng)


ACTIVATIONS = [
    ("Tanh", {}),
    ("Sigmoid", {}),
    ("ReLU", {}),
    ("LeakyReLU", {"negative_slope": 0.2}),
    ("ELU", {"alpha": 0.7}),
    ("Softplus", {"beta": 2.0, "threshold": 3.0}),
    ("GELU", {}),
    ("GELU", {"approximate": "tanh"}),
    ("Softmax", {"dim": 1}),
    ("LogSoftmax", {"dim": -1}),
    ("Identity", {}),
]


@pytest.mark.parametrize(("kind", "options"), ACTIVATIONS)
def test_activations(kind, options):
    rng = np.random.default_rng(0)
    ours, theirs = getattr(nn, kind)(**options), getattr(torch.nn, kind)(**options)
    x = both(np.concatenate([rng.standard_normal((2, 4)) * 3, [[0.0, 1.5, -30, 30]]]))
    same_run(ours(x[0]), theirs(x[1]), {"input": x}, rng)
    if kind != "LogSoftmax":  # PyTorch's shows no dim
        assert repr(ours) == repr(theirs)
    same(
        getattr(nn, kind)(**({"dim": 0} if "dim" in options else {}))(x[0]),
        getattr(torch.nn, kind)(**({"dim": 0} if "dim" in options else {}))(x[1]),
    )


@pytest.mark.parametrize("inplace", [False, True])
def test_relu_in_place(inplace):
    x = both(np.array([1.0, -2.0]))
    ours, theirs = nn.ReLU(inplace=inplace), torch.nn.ReLU(inplace=inplace)
    assert repr(ours) == repr(theirs)
    mid = x[0] * 2, x[1] * 2
    same_run(ours(mid[0]), theirs(mid[1]), {"x": x}, np.random.default_rng(0))
    same(mid[0], mid[1])


WRONG_CALLS = {
    "linear, other size": lambda lib, net: net.Linear(3, 2)(lib.zeros(4, 5)),
    "linear, other dtype": lambda lib, net: net.Linear(3, 2)(lib.zeros(4, 3, dtype=lib.float64)),
    "embedding, id too large": lambda lib, net: net.Embedding(3, 2)(lib.tensor([[0, 1], [2, 3]])),
    "embedding, negative id": lambda lib, net: net.Embedding(3, 2)(lib.tensor([0, -1])),
    "embedding, float ids": lambda lib, net: net.Embedding(3, 2)(lib.zeros(2)),
    "embedding, padding out of range": lambda lib, net: net.Embedding(3, 2, padding_idx=3),
    "embedding function, padding out of range": lambda lib, net: net.functional.embedding(lib.tensor([0]), lib.zeros(3, 2), padding_idx=-4),
    "embedding, one axis of weights": lambda lib, net: net.Embedding.from_pretrained(lib.zeros(3)),
    "dropout, probability": lambda lib, net: net.Dropout(1.5),
    "dropout function, probability": lambda lib, net: net.functional.dropout(lib.zeros(3), -0.1),
    "layer norm, other size": lambda lib, net: net.LayerNorm(3)(lib.zeros(2, 4)),
    "bilinear, other batch": lambda lib, net: net.Bilinear(2, 3, 4)(lib.zeros(5, 2), lib.zeros(6, 3)),
    "bilinear, other size": lambda lib, net: net.Bilinear(2, 3, 4)(lib.zeros(5, 3), lib.zeros(5, 3)),
    "no forward": lambda lib, net: net.Module()(1),
    "train('yes')": lambda lib, net: net.Module().train("yes"),
    "to(int64)": lambda lib, net: net.Linear(1, 1).to(lib.int64),
    "parameter name with a dot": lambda lib, net: net.Module().register_parameter("a.b", None),
    "parameter name empty": lambda lib, net: net.Module().register_parameter("", None),
    "parameter name not a string": lambda lib, net: net.Module().register_parameter(1, None),
    "parameter name taken": lambda lib, net: net.Module().register_parameter("forward", None),
    "parameter is a tensor": lambda lib, net: net.Module().register_parameter("w", lib.zeros(1)),
    "buffer name with a dot": lambda lib, net: net.Module().register_buffer("a.b", None),
    "buffer name taken": lambda lib, net: net.Linear(1, 1).register_buffer("weight", None),
    "buffer is no tensor": lambda lib, net: net.Module().register_buffer("b", 3),
    "module is no module": lambda lib, net: net.Module().add_module("m", 3),
    "module name taken": lambda lib, net: net.Linear(1, 1).add_module("weight", net.Tanh()),
    "module name with a dot": lambda lib, net: net.Module().add_module("a.b", net.Tanh()),
    "tensor over a parameter": lambda lib, net: setattr(net.Linear(1, 1), "weight", lib.zeros(1, 1)),
    "number over a module": lambda lib, net: setattr(net.Sequential(net.Tanh()), "0", 3),
    "number over a buffer": lambda lib, net: setattr(net.CrossEntropyLoss(lib.ones(2)), "weight", 3),
    "missing attribute": lambda lib, net: net.Linear(1, 1).wait,
    "deleting a missing attribute": lambda lib, net: delattr(net.Linear(1, 1), "wait"),
    "a sub-module that is not there": lambda lib, net: net.Sequential(net.Tanh()).get_submodule("0.rnn"),
    "state_dict is a list": lambda lib, net: net.Linear(1, 1).load_state_dict([]),
    "state_dict holds a list": lambda lib, net: net.Tanh().load_state_dict({"w": [1]}),
    "state_dict of another size": lambda lib, net: net.Linear(1, 1).load_state_dict(net.Linear(2, 1).state_dict()),
    "list item is a number": lambda lib, net: net.ModuleList([3]),
    "list index": lambda lib, net: net.ModuleList([net.Tanh()])[1],
    "list assignment": lambda lib, net: net.ModuleList([net.Tanh()]).__setitem__(-2, net.Tanh()),
    "sequential item is a number": lambda lib, net: net.Sequential(3),
    "sequential append number": lambda lib, net: net.Sequential().append(3),
    "sequential insert position": lambda lib, net: net.Sequential().insert(2, net.Tanh()),
    "sequential index": lambda lib, net: net.Sequential()[0],
    "dict key": lambda lib, net: net.ModuleDict()["a"],
    "dict pop": lambda lib, net: net.ModuleDict().pop("a"),
    "dict update, number": lambda lib, net: net.ModuleDict().update(3),
    "dict update, no pairs": lambda lib, net: net.ModuleDict().update([("a", net.Tanh(), 3)]),
    "parameter list index": lambda lib, net: net.ParameterList()[0],
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG_CALLS)
def test_wrong_calls(case):
    assert same_error(lambda: WRONG_CALLS[case](tinyrnn, nn), lambda: WRONG_CALLS[case](torch, torch.nn))


@pytest.mark.parametrize("attribute", ["parameter", "module", "buffer"])
def test_assigning_before_init(attribute):
    def make(lib, net):
        class Early(net.Module):
            def __init__(self):
                if attribute == "parameter":
                    self.w = net.Parameter(lib.zeros(1))
                elif attribute == "module":
                    self.m = net.Tanh()
                else:
                    self.register_buffer("b", None)

        return Early

    assert "before Module.__init__()" in same_error(make(tinyrnn, nn), make(torch, torch.nn))


# -- one script, run in both libraries, must leave the same trace --


def names(module):
    return {
        "parameters": [n for n, _ in module.named_parameters()],
        "all parameters": [n for n, _ in module.named_parameters(remove_duplicate=False)],
        "own parameters": [n for n, _ in module.named_parameters(recurse=False)],
        "prefixed": [n for n, _ in module.named_parameters(prefix="model")],
        "buffers": [n for n, _ in module.named_buffers()],
        "modules": [n for n, _ in module.named_modules()],
        "all modules": [n for n, _ in module.named_modules(remove_duplicate=False)],
        "children": [n for n, _ in module.named_children()],
        "state": list(module.state_dict()),
        "prefixed state": list(module.state_dict(prefix="model.")),
        "kinds": [type(m).__name__ for m in module.modules()],
        "counts": [len(list(m)) for m in (module.parameters(), module.buffers(), module.children())],
    }


def tied(lib, net):
    """A language model with tied weights, a shared block, buffers of both kinds and empty places."""

    class Model(net.Module):
        def __init__(self):
            super().__init__()
            self.embed = net.Embedding(5, 3)
            self.scale = net.Parameter(lib.ones(1))
            self.register_buffer("mask", lib.zeros(2))
            self.register_buffer("scratch", lib.zeros(2), persistent=False)
            self.register_buffer("nothing", None)
            self.register_parameter("absent", None)
            block = net.Sequential(net.Linear(3, 3), net.Tanh())
            self.first, self.second = block, block
            self.rnn = net.LSTM(3, 3, 2, bidirectional=True)
            self.out = net.Linear(3, 5)
            self.out.weight = self.embed.weight
            self.unused = None
            self.add_module("nobody", None)

    return Model()


def reassigned(lib, net):
    layer = net.Linear(2, 2)
    layer.weight = net.Parameter(lib.zeros(3, 2))
    layer.extra = net.Tanh()
    layer.bias = None
    layer.register_buffer("b", lib.zeros(1))
    layer.extra = net.Parameter(lib.zeros(1))
    layer.b = net.Tanh()
    return layer


def deleted(lib, net):
    layer = net.Sequential(net.Linear(2, 2), net.Tanh())
    del layer[0].weight
    layer[0].weight = lib.zeros(2, 2)
    layer.register_buffer("b", lib.zeros(1), persistent=False)
    del layer.b
    layer.register_buffer("b", lib.zeros(1))
    layer.plain = lib.zeros(1)
    layer.here = net.Tanh()
    del layer.here
    return layer


def emptied_places(lib, net):
    m = net.Sequential(net.Linear(1, 1), net.Tanh())
    m.add_module("2", net.ReLU())
    setattr(m, "1", None)
    m.later = 3
    m.later = net.Parameter(lib.zeros(1))
    m.other = "text"
    m.other = net.GELU()
    return m


def buffers_again(lib, net):
    m = net.Module()
    m.register_buffer("a", lib.zeros(1), persistent=False)
    m.register_buffer("a", lib.zeros(1))
    m.register_buffer("b", lib.zeros(1))
    m.register_buffer("b", lib.zeros(1), persistent=False)
    m.a = None
    m.a = lib.ones(3)
    return m


def lists(lib, net):
    m = net.ModuleList([net.Linear(1, k) for k in range(1, 4)])
    m[0] = net.Tanh()
    m[-1] = net.Sigmoid()
    m.append(net.Linear(2, 2))
    m.insert(1, net.ReLU())
    m.extend([net.Linear(1, 1), net.Linear(1, 1)])
    del m[2]
    m += [net.Linear(1, 1)]
    assert len(m[1:]) == len(m) - 1 and isinstance(m[1:], net.ModuleList)
    assert m[-1] is list(m)[-1] and m.pop(0) is not None
    assert m[0] in m and net.Tanh() not in m
    del m[-1]
    longer = net.ModuleList([net.Tanh()])
    return m + longer


def sliced_deletion(lib, net):
    m = net.ModuleList([net.Linear(1, k) for k in range(1, 6)])
    del m[1:3]
    return m


def sequences(lib, net):
    m = net.Sequential(OrderedDict([("one", net.Linear(1, 2)), ("two", net.Tanh()), ("three", net.Linear(2, 3))]))
    assert isinstance(m[0], net.Linear) and isinstance(m[-2], net.Tanh) and isinstance(m.one, net.Linear)
    m[0] = net.Linear(1, 2, bias=False)
    m[-1] = net.Linear(2, 4)
    m.append(net.Sigmoid())
    return m


def sequence_slices(lib, net):
    m = net.Sequential(OrderedDict([("one", net.Linear(1, 2)), ("two", net.Tanh()), ("three", net.Linear(2, 3))]))
    return m[1:]


def sequence_edits(lib, net):
    m = net.Sequential(net.Linear(1, 2), net.Tanh(), net.Linear(2, 3))
    m.insert(1, net.ReLU())
    m.insert(-1, net.GELU())
    del m[0]
    m.pop(1)
    m.extend([net.Sigmoid()])
    return m + net.Sequential(net.ELU())


def dictionaries(lib, net):
    m = net.ModuleDict({"b": net.Linear(1, 1), "a": net.Tanh()})
    m["c"] = net.Linear(2, 2)
    m["b"] = net.ReLU()
    m.update([("d", net.GELU()), ("a", net.Sigmoid())])
    m.update(net.ModuleDict({"e": net.ELU()}))
    del m["d"]
    assert len(m) == 4 and "b" in m and "d" not in m and list(m) == list(m.keys())
    assert [k for k, _ in m.items()] == list(m) and next(iter(m.values())) is m["b"]
    m.pop("c")
    return m


def emptied(lib, net):
    m = net.ModuleDict({"b": net.Linear(1, 1)})
    m.clear()
    return net.Sequential(m, net.ModuleList(), net.Sequential())


def repeated(lib, net):
    return net.ModuleList(
        [*(net.Sequential(net.Linear(2, 2), net.Tanh()) for _ in range(3)), net.Linear(1, 1), net.Linear(1, 1), net.Tanh()]
    )


def named(lib, net):
    class Settings(net.Module):
        def extra_repr(self):
            return "a=1\nb=2"

    class Inner(Settings):
        def __init__(self):
            super().__init__()
            self.child = Settings()
            self.single = net.Dropout(0.25)

    return net.Sequential(Settings(), Inner(), net.ModuleDict({"k": net.ModuleList([net.ReLU()])}))


SCRIPTS = [tied, reassigned, deleted, emptied_places, buffers_again, lists, sliced_deletion, sequences, sequence_slices, sequence_edits]
SCRIPTS += [dictionaries, emptied, repeated, named]


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_same_script_makes_the_same_module(script):
    ours, theirs = script(tinyrnn, nn), script(torch, torch.nn)
    assert names(ours) == names(theirs)
    assert repr(ours) == repr(theirs)
    order = [], []
    ours.apply(lambda m: order[0].append(type(m).__name__))
    theirs.apply(lambda m: order[1].append(type(m).__name__))
    assert order[0] == order[1]


def test_parameter_lists():
    def make(lib, net):
        m = net.ParameterList([lib.zeros(2), net.Parameter(lib.ones(3))])
        m.append(lib.zeros(4))
        m[0] = net.Parameter(lib.zeros(5))
        m[-1] = net.Parameter(lib.zeros(6))
        m += [lib.zeros(1)]
        assert m[-1].shape == (1,) and len(m[1:]) == 3
        return m

    ours, theirs = make(tinyrnn, nn), make(torch, torch.nn)
    assert names(ours) == names(theirs)
    assert [tuple(p.shape) for p in ours] == [tuple(p.shape) for p in theirs]


def test_train_and_eval_reach_everything():
    for lib, net in ((tinyrnn, nn), (torch, torch.nn)):
        model = tied(lib, net)
        assert model.eval() is model and not any(m.training for m in model.modules())
        assert model.train() is model and all(m.training for m in model.modules())


# -- state --


def test_strict_messages():
    def message(lib, net):
        model = net.Sequential(net.Linear(2, 3), net.Tanh(), net.Linear(3, 1))
        state = model.state_dict()
        state["0.weight"] = lib.zeros(3, 5)
        del state["2.bias"], state["0.bias"]
        state["new"] = state["old"] = lib.zeros(1)
        return str(raised(lambda: model.load_state_dict(state)))

    assert message(tinyrnn, nn) == message(torch, torch.nn).replace("torch.Size(", "").replace("])", "]")


def test_what_load_state_dict_returns():
    for lib, net in ((tinyrnn, nn), (torch, torch.nn)):
        layer = net.Linear(1, 1)
        result = layer.load_state_dict({"weight": lib.zeros(1, 1), "other": lib.zeros(1)}, strict=False)
        missing, unexpected = result
        assert missing == result.missing_keys == ["bias"] and unexpected == result.unexpected_keys == ["other"]
        assert repr(layer.load_state_dict(layer.state_dict())) == "<All keys matched successfully>"
        assert "missing_keys=['bias'], unexpected_keys=['other']" in repr(result)


# -- hooks --


def sequential(lib, net):
    model = net.Sequential(net.Linear(3, 4), net.Tanh(), net.Linear(4, 2)).to(lib.float64)
    for k, p in enumerate(model.parameters()):
        p.data = lib.tensor(np.sin(np.arange(p.numel()) + k).reshape(tuple(p.shape)))
    return model


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
@pytest.mark.parametrize("input_needs", [True, False])
def test_backward_hooks_see_what_pytorchs_see(input_needs):
    def run(lib, net):
        model, seen = sequential(lib, net), []
        for k, m in enumerate([*model, model]):
            m.register_full_backward_hook(lambda m, gi, go, k=k: seen.append((k, gi, go)))
        x = lib.tensor(np.cos(np.arange(6.0)).reshape(2, 3), requires_grad=input_needs)
        (model(x) ** 2).sum().backward()
        return seen, x.grad, [p.grad for p in model.parameters()]

    ours, theirs = run(tinyrnn, nn), run(torch, torch.nn)
    assert [k for k, _, _ in ours[0]] == [k for k, _, _ in theirs[0]]
    same([pair[1:] for pair in ours[0]], [pair[1:] for pair in theirs[0]])
    same(ours[1:], theirs[1:])


def test_backward_hooks_replace_grad_input():
    def run(lib, net):
        model = sequential(lib, net)
        first = model[2].register_full_backward_hook(lambda m, gi, go: (gi[0] * 10,))
        second = model[2].register_full_backward_hook(lambda m, gi, go: (gi[0] + 1,))
        model[1].register_full_backward_hook(lambda m, gi, go: None)
        grads = []
        for handle in (first, second, None):
            x = lib.tensor(np.cos(np.arange(6.0)).reshape(2, 3), requires_grad=True)
            (model(x) ** 2).sum().backward()
            grads.append(x.grad)
            if handle is not None:
                handle.remove()
        return grads

    same(run(tinyrnn, nn), run(torch, torch.nn))


def test_backward_hooks_with_several_arguments_and_results():
    def run(lib, net):
        class Two(net.Module):
            def forward(self, a, number, b, c):
                return a * number + b, "text", b * c

        module, seen = Two(), []
        module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
        a = lib.tensor([1.0, 2.0], dtype=lib.float64, requires_grad=True)
        b = lib.tensor([3.0, 4.0], dtype=lib.float64, requires_grad=True)
        c = lib.tensor([5.0, 6.0], dtype=lib.float64)
        p, _, q = module(a, 2, b, c)
        (p * q).sum().backward()
        ((grad_input, grad_output),) = seen
        assert grad_input[3] is None or not grad_input[3].any()  # c needs none; PyTorch makes up zeros
        return [grad_input[:3], grad_output, a.grad, b.grad]

    same(run(tinyrnn, nn), run(torch, torch.nn))


def test_backward_hooks_on_recurrent_layers():
    def run(lib, net):
        layer, seen = net.LSTM(2, 1, dtype=lib.float64), []
        for k, p in enumerate(layer.parameters()):
            p.data = lib.tensor(np.sin(np.arange(p.numel()) + k).reshape(tuple(p.shape)))
        layer.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
        x = lib.tensor(np.cos(np.arange(6.0)).reshape(3, 1, 2), requires_grad=True)
        layer(x)[0].sum().backward()
        return [*seen, x.grad]

    same(run(tinyrnn, nn), run(torch, torch.nn), 1e-10)


@pytest.mark.parametrize("squared", [False, True])
def test_backward_hooks_in_the_second_of_two_derivatives(squared):
    """Unless the loss is squared, the second derivative reaches the input without passing the module's output."""

    def run(lib, net):
        module, seen = net.Tanh(), []
        module.register_full_backward_hook(lambda m, gi, go: seen.append((gi, go)))
        x = lib.tensor([0.3, -0.7], dtype=lib.float64, requires_grad=True)
        grad = tinyrnn.grad if lib is tinyrnn else torch.autograd.grad
        y = module(x)
        (first,) = grad((y * y if squared else y).sum(), x, create_graph=True)
        return [first, *grad((first * first).sum(), x), *seen[:1]]

    same(run(tinyrnn, nn), run(torch, torch.nn), 1e-10)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hooks_that_return_nonsense():
    for needs, returned in ((True, lambda gi: (gi[0], gi[0])), (False, lambda gi: (1,))):

        def run(lib, net, needs=needs, returned=returned):
            layer = net.Linear(2, 2)
            layer.register_full_backward_hook(lambda m, gi, go: returned(gi))
            return lambda: layer(lib.ones(1, 2, requires_grad=needs)).sum().backward()

        assert same_error(run(tinyrnn, nn), run(torch, torch.nn))


def test_forward_hooks():
    def run(lib, net):
        layer, seen = net.Linear(2, 2, bias=False, dtype=lib.float64), []
        layer.weight.data = lib.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=lib.float64)
        layer.register_forward_pre_hook(lambda m, args: seen.append(args))
        handle = layer.register_forward_pre_hook(lambda m, args: args[0] * 2)
        layer.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
        after = layer.register_forward_hook(lambda m, args, y: y * 100)
        layer.register_forward_hook(lambda m, args, y: seen.append((args, y)))
        x = lib.ones(1, 2, dtype=lib.float64)
        results = [layer(x)]
        handle.remove()
        after.remove()
        results.append(layer(x))
        return seen, results

    same(run(tinyrnn, nn), run(torch, torch.nn))


def test_functions_by_their_dtype():
    x = both(np.array([1.0, 2.0], np.float32))
    same(F.softmax(x[0], 0, dtype=tinyrnn.float64), torch.nn.functional.softmax(x[1], 0, dtype=torch.float64))
    same(F.log_softmax(x[0], 0, dtype=tinyrnn.float64), torch.nn.functional.log_softmax(x[1], 0, dtype=torch.float64))
