"""PyTorch's file format: both libraries read what either wrote, and a file that wants more than weights runs nothing."""

import base64
import contextlib
import io
import os
import pickle
import struct
import sys
import zipfile
from collections import Counter, OrderedDict

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinyrnn
from tinyrnn import nn, optim
from tinyrnn.serialization import add_safe_globals, clear_safe_globals, get_safe_globals, load, safe_globals, save
from tinyrnn.torch_format.names import STORAGE_TYPES
from tinyrnn.torch_format.reading import MAGIC, PROTOCOL

try:
    import torch
except ImportError:
    torch = None
with_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")

DTYPES = ["float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint8", "bool"]
VIEWS = {
    "itself": lambda t: t,
    "transposed": lambda t: t.permute(tuple(reversed(range(t.ndim)))),
    "every second": lambda t: t[::2] if t.ndim else t,
    "last": lambda t: t[..., -1] if t.ndim and t.shape[-1] else t,
    "expanded": lambda t: t.reshape(1, *t.shape).expand(3, *t.shape),
}
arrays = st.sampled_from(DTYPES).flatmap(lambda d: hnp.arrays(d, hnp.array_shapes(min_dims=0, min_side=0, max_side=4)))
tensors = st.builds(lambda a, view: (a, view), arrays, st.sampled_from(sorted(VIEWS)))
plain = st.none() | st.booleans() | st.integers(-(2**200), 2**200) | st.floats(allow_nan=False) | st.text() | st.binary()
plain |= st.complex_numbers(allow_nan=False) | st.sets(st.integers()) | st.binary().map(bytearray)
objects = st.recursive(
    tensors.map(lambda pair: ("tensor", *pair)) | plain.map(lambda value: ("plain", value)),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: ("list", items)),
    max_leaves=6,
)


def build(recipe, tensor):
    """The object of a recipe with tensors made by ``tensor``: every list also as a tuple, a dict and an OrderedDict."""
    if recipe[0] == "plain":
        return recipe[1]
    if recipe[0] == "tensor":
        return VIEWS[recipe[2]](tensor(recipe[1]))
    items = [build(one, tensor) for one in recipe[1]]
    return [items, tuple(items), dict(enumerate(items)), OrderedDict(enumerate(items))]


def same(a, b):
    """Equal in value and type; tensors of either library by shape, dtype and bits."""
    if hasattr(a, "numpy"):
        a, b = a.detach().numpy(), b.detach().numpy()
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return same(list(a), list(b)) and same(list(a.values()), list(b.values()))
    return a == b


def written(obj, write=save, **options):
    file = io.BytesIO()
    write(obj, file, **options)
    file.seek(0)
    return file


@given(objects)
def test_what_is_saved_comes_back(recipe):
    obj = build(recipe, tinyrnn.tensor)
    assert same(load(written(obj)), obj)


@with_torch
@given(objects)
@example(("plain", b""))
def test_pytorch_reads_what_we_write_and_we_what_it_writes(recipe):
    ours, theirs = build(recipe, tinyrnn.tensor), build(recipe, torch.tensor)
    assert same(torch.load(written(ours), weights_only=True), theirs)
    assert same(load(written(theirs, torch.save)), ours)
    assert same(load(written(theirs, torch.save, _use_new_zipfile_serialization=False)), ours)


@with_torch
@pytest.mark.parametrize("name", ["dtype", "device", "gpu", "Size", "Counter", "Parameter"])
def test_types_of_each_library_become_those_of_the_other(name):
    def make(library):
        return {
            "dtype": lambda: [getattr(library, d) for d in DTYPES],
            "device": lambda: library.device("cpu"),
            "gpu": lambda: library.device("cuda:1"),
            "Size": lambda: library.zeros(2, 3).shape,
            "Counter": lambda: Counter("abba"),
            "Parameter": lambda: library.nn.Parameter(library.zeros(2), requires_grad=False),
        }[name]()

    ours, theirs = make(tinyrnn), make(torch)
    for got, expected in ((load(written(theirs, torch.save)), ours), (torch.load(written(ours)), theirs)):
        assert type(got) is type(expected)
        assert same(got, expected) if name == "Parameter" else got == expected
        assert name != "Parameter" or not got.requires_grad


def test_gradients_are_not_saved_but_that_they_are_wanted():
    w = tinyrnn.ones(2, requires_grad=True)
    (w * w).sum().backward()
    read = load(written([w, w * 2, nn.Parameter(w)]))
    assert [t.requires_grad for t in read] == [True, True, True] and all(t.is_leaf and t.grad is None for t in read)


# -- memory --


def family(library):
    x = library.arange(12.0).reshape(3, 4)
    return {"x": x, "column": x[:, 1], "transposed": x.T, "again": x, "other": library.ones(2)}


@with_torch
@pytest.mark.parametrize("write", ["ours", "theirs", "legacy"])
@pytest.mark.parametrize("read", ["ours", "theirs"])
def test_shared_memory_stays_shared(write, read):
    if write == "ours":
        file = written(family(tinyrnn))
    else:
        file = written(family(torch), torch.save, _use_new_zipfile_serialization=write == "theirs")
    got = (load if read == "ours" else torch.load)(file)
    got["x"].data[0, 1] = 100
    assert got["column"].tolist() == [100, 5, 9] and got["transposed"].tolist()[1] == [100, 5, 9] and got["again"] is got["x"]
    assert got["other"].tolist() == [1, 1]


def test_what_was_shared_in_a_file_is_shared_when_written_again():
    x = tinyrnn.zeros(1000)
    first = written([x, x[3:], x.reshape(10, 100)[:, 5]])
    second = written(load(first))
    assert len(second.getvalue()) < 2 * x.numel() * 4
    a, b, c = load(second)
    a.data[5] = 7
    assert b[2].item() == 7 and c[0].item() == 7


def test_views_that_pytorch_has_not_are_copied():
    x = tinyrnn.from_numpy(np.arange(6, dtype=np.float32)[::-1])
    gap = tinyrnn.from_numpy(np.frombuffer(bytes(range(9)), np.uint8)[1:].view(np.int16))
    assert same(load(written([x, gap])), [x, gap])


def test_memory_cannot_have_two_types():
    a = np.zeros(4, np.float32)
    with pytest.raises(RuntimeError, match="Cannot save multiple tensors or storages that view the same data as different types"):
        written([tinyrnn.from_numpy(a), tinyrnn.from_numpy(a.view(np.int32))])


@with_torch
def test_pytorch_maps_our_files(tmp_path):
    obj = {str(n): tinyrnn.arange(float(n)) for n in range(20)}
    save(obj, tmp_path / "f")
    mapped = torch.load(tmp_path / "f", mmap=True)
    assert same({k: v.clone() for k, v in mapped.items()}, {k: torch.tensor(v.tolist(), dtype=torch.float32) for k, v in obj.items()})
    assert all(t.data_ptr() % 64 == 0 for t in mapped.values() if t.numel())


def test_equal_objects_make_equal_files():
    assert written(family(tinyrnn)).getvalue() == written(family(tinyrnn)).getvalue()


# -- models --

MODELS = {
    "Linear": (lambda n: n.Linear(4, 3), False),
    "Embedding": (lambda n: n.Embedding(7, 3), True),
    "RNN": (lambda n: n.RNN(4, 5, 2, nonlinearity="relu", bidirectional=True), False),
    "GRU": (lambda n: n.GRU(4, 5, 2, batch_first=True, bias=False), False),
    "GRU bidirectional": (lambda n: n.GRU(4, 5, 2, bidirectional=True), False),
    "LSTM": (lambda n: n.LSTM(4, 5), False),
    "LSTM projected": (lambda n: n.LSTM(4, 5, 2, bidirectional=True, proj_size=3), False),
    "Sequential": (lambda n: n.Sequential(n.Embedding(7, 4), n.Linear(4, 4), n.Tanh(), n.LayerNorm(4), n.Linear(4, 2)), True),
}


@with_torch
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
@pytest.mark.parametrize("name", sorted(MODELS))
def test_a_model_computes_the_same_in_both(name):
    make, integers = MODELS[name]
    ours, theirs, back = make(nn), make(torch.nn), make(nn)
    x = np.random.default_rng(1).integers(0, 7, (3, 2)) if integers else np.random.default_rng(1).normal(size=(3, 2, 4)).astype("float32")
    optimizer = optim.Adam(ours.parameters(), 0.1)
    for _ in range(3):
        result = ours(tinyrnn.tensor(x))
        result = result[0] if isinstance(result, tuple) else result
        optimizer.zero_grad()
        (result * result).sum().backward()
        optimizer.step()
    expected = outputs(ours(tinyrnn.tensor(x)))
    theirs.load_state_dict(torch.load(written(ours.state_dict()), weights_only=True), strict=True)
    np.testing.assert_allclose(outputs(theirs(torch.tensor(x))), expected, rtol=0, atol=1e-6)
    back.load_state_dict(load(written(theirs.state_dict(), torch.save)), strict=True)
    np.testing.assert_array_equal(outputs(back(tinyrnn.tensor(x))), expected)


def outputs(result):
    if isinstance(result, tuple):
        return np.concatenate([outputs(one) for one in result])
    return result.detach().numpy().ravel()


@with_torch
def test_training_goes_on_in_the_other_library():
    def model_and_optimizer(library):
        model = library.nn.Linear(3, 2)
        return model, library.optim.Adam(model.parameters(), 0.1)

    def step(library, model, optimizer):
        optimizer.zero_grad()
        model(library.ones(1, 3)).sum().backward()
        optimizer.step()

    def state(model, optimizer):
        return {"model": model.state_dict(), "optimizer": optimizer.state_dict()}

    for one, other in ((tinyrnn, torch), (torch, tinyrnn)):
        a, b = model_and_optimizer(one), model_and_optimizer(other)
        step(one, *a)
        read = torch.load(written(state(*a))) if other is torch else load(written(state(*a), torch.save))
        b[0].load_state_dict(read["model"])
        b[1].load_state_dict(read["optimizer"])
        step(one, *a)
        step(other, *b)
        np.testing.assert_allclose(b[0].weight.detach().numpy(), a[0].weight.detach().numpy(), atol=1e-6)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.GRU(3, 4)
        self.tied = self.rnn.weight_hh_l0
        self.register_buffer("count", tinyrnn.zeros(1))


def test_types_that_files_may_name_stay_types():
    obj = [bytes, bytearray, set, complex, OrderedDict, tinyrnn.Tensor, nn.Linear]
    assert load(written(obj), weights_only=False) == obj


def test_whole_models_and_optimisers_only_when_asked_for():
    net = Net()
    optimizer = optim.SGD(net.parameters(), 0.1, momentum=0.9)
    x = tinyrnn.ones(2, 1, 3)
    net.rnn(x)[0].sum().backward()
    optimizer.step()
    file = written({"net": net, "optimizer": optimizer})
    with pytest.raises(pickle.UnpicklingError, match=r"Net was not an allowed global by default.*add_safe_globals.*weights_only=False"):
        load(file)
    file.seek(0)
    read = load(file, weights_only=False)
    again = read["net"]
    assert type(again) is Net and again.tied is again.rnn.weight_hh_l0 and repr(again) == repr(net)
    assert again.rnn(x)[0].tolist() == net.rnn(x)[0].tolist()
    for n, o in ((net, optimizer), (again, read["optimizer"])):  # the optimiser still knows the parameters of the model
        n.zero_grad()
        n.rnn(x)[0].sum().backward()
        o.step()
    assert same(again.state_dict(), net.state_dict())


@with_torch
def test_a_whole_model_of_pytorch_is_refused_by_name():
    file = written(torch.nn.Linear(2, 2), torch.save)
    for weights_only in (True, False):
        file.seek(0)
        with pytest.raises(pickle.UnpicklingError, match=r"holds torch\.nn\.modules\.linear\.Linear, .* save the state_dict\(\)"):
            load(file, weights_only=weights_only)


# -- what else may be in a file --


class Point:
    def __init__(self, x):
        self.x = x


class Evil:
    ran = False

    def __setstate__(self, state):
        Evil.ran = True

    __call__ = __setstate__


def test_more_can_be_allowed():
    file = written([Point(1), Point(2)])
    name = f"{Point.__module__}.Point"
    for allowed in (Point, (Point, name)):
        with safe_globals([allowed]):
            assert get_safe_globals() == [Point]
            file.seek(0)
            assert [p.x for p in load(file)] == [1, 2]
    assert get_safe_globals() == []
    file.seek(0)
    with pytest.raises(pickle.UnpicklingError, match="Point was not an allowed global"):
        load(file)
    add_safe_globals([Point, Counter])
    with safe_globals([Point]):
        pass
    assert get_safe_globals() == [Point, Counter]
    clear_safe_globals()
    assert get_safe_globals() == []


def archive(pickled, **records):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        z.writestr("any/data.pkl", b"\x80\x02" + pickled + b".")
        for name, data in records.items():
            z.writestr(f"any/{name.replace('_', '/')}", data)
    file.seek(0)
    return file


def text(s):
    return b"X" + struct.pack("<I", len(s)) + s.encode()


def number(n):
    data = n.to_bytes(n.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def name(full):
    module, _, name = full.partition(":")
    return f"c{module}\n{name}\n".encode()


def call(function, *args):
    return function + b"(" + b"".join(args) + b"tR"


def storage(key="0", count=4, kind="torch:FloatStorage", location="cpu"):
    return b"(" + text("storage") + name(kind) + text(key) + text(location) + number(count) + b"tQ"


def numbers(*values):
    return b"(" + b"".join(map(number, values)) + b"t"


REBUILD = "torch._utils:_rebuild_tensor_v2"


def tensor(offset=0, size=(4,), stride=(1,), **options):
    return call(name(REBUILD), storage(**options), number(offset), numbers(*size), numbers(*stride), b"\x89", b")")


HERE = __name__ if __name__ in sys.modules else Evil.__module__
COMMAND = "open('ran', 'w')"
WANTED = {
    "os.system": call(name("os:system"), text("touch ran")),
    "posix.system": call(name("posix:system"), text("touch ran")),
    "nt.system": call(name("nt:system"), text("touch ran")),
    "sys.exit": call(name("sys:exit")),
    "subprocess.Popen": call(name("subprocess:Popen"), text("touch ran")),
    "builtins.eval": call(name("__builtin__:eval"), text(COMMAND)),
    "builtins.exec": call(name("builtins:exec"), text(COMMAND)),
    "builtins.getattr": call(name("builtins:getattr"), name("collections:OrderedDict"), text("__init__")),
    "functools.partial": name("functools:partial"),
    "runpy._run_code": name("runpy:_run_code"),
    "importlib.import_module": call(name("importlib:import_module"), text("antigravity")),
    "collections.OrderedDict.__init__": name("collections:OrderedDict.__init__"),
    "torch._utils._rebuild_tensor_v2.__globals__": name("torch._utils:_rebuild_tensor_v2.__globals__"),
    "tinyrnn.torch_format.names.rebuild_tensor_v2": name("tinyrnn.torch_format.names:rebuild_tensor_v2"),
    "torch.load": call(name("torch:load"), text("other")),
    "numpy.core.multiarray._reconstruct": name("numpy.core.multiarray:_reconstruct"),
    "a.b": name("a:b"),
}


@pytest.mark.parametrize("full", sorted(WANTED))
def test_names_that_no_weights_need_are_refused_by_name(full, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for pickled in (WANTED[full], b"]" + WANTED[full] + b"a"):
        with pytest.raises(pickle.UnpicklingError, match=full.replace(".", r"\.")):
            load(archive(pickled))
    assert os.listdir() == [] and "antigravity" not in sys.modules


@pytest.mark.parametrize("full", ["os.system", "posix.system", "nt.system", "sys.exit"])
def test_some_names_cannot_be_allowed(full):
    with safe_globals([(print, full)]), pytest.raises(pickle.UnpicklingError, match="is ever allowed"):
        load(archive(WANTED[full]))


ATTRIBUTES = b"}" + text("name") + text("x") + b"s"
WHY = {  # where Python would stumble over it, too
    "calls a string": "calls a str",
    "calls a tensor": "calls a Tensor",
    "an id of something else": "id of a storage was expected",
    "a size beyond the storage": "reaches beyond the end of its storage",
    "an offset beyond the storage": "reaches beyond the end of its storage",
}
HOSTILE = {
    "sets the state of a class that is not allowed": name("collections:OrderedDict") + ATTRIBUTES + b"b",
    "sets slots of a dtype": name("torch:float32") + b"N" + ATTRIBUTES + b"\x86b",
    "sets attributes of a function": name(REBUILD) + ATTRIBUTES + b"b",
    "sets attributes of a tensor": tensor() + ATTRIBUTES + b"b",
    "sets attributes of a list": b"]" + ATTRIBUTES + b"b",
    "replaces methods of an OrderedDict": call(name("collections:OrderedDict")) + b"}" + text("keys") + name("torch:Size") + b"sb",
    "replaces the dict of an OrderedDict": call(name("collections:OrderedDict")) + b"N" + ATTRIBUTES + b"\x86b",
    "makes an object without a call": name("torch:Size") + b")\x81",
    "calls a string": call(text("print")),
    "calls a tensor": call(tensor()),
    "calls a method of an object": tensor() + text("backward") + b")R",
    "calls with what is no tuple": name("builtins:set") + b"]R",
    "fetches a name from the stack": text("os") + text("system") + b"\x93",
    "makes an instance the old way": b"(ios\nsystem\n",
    "makes an object the old way": b"(" + name("builtins:set") + b"o",
    "asks for an extension": b"\x82\x01",
    "makes an object with keywords": name("builtins:set") + b")}\x92",
    "doubles the stack": b"]2",
    "appends to a set": call(name("builtins:set")) + b"Na",
    "extends a bytearray": call(name("builtins:bytearray")) + b"(K\x01e",
    "sets items of a list": b"]NNs",
    "sets items of a tensor": tensor() + b"(K\x00K\x00u",
    "an id that is no tuple": text("0") + b"Q",
    "an id of a module": b"(" + text("module") + name("torch:Size") + b"NNtQ",
    "an id of something else": storage().replace(b"storage", b"package"),
    "an id without a type": b"(" + text("storage") + b"N" + text("0") + text("cpu") + number(4) + b"tQ",
    "an id with a key that is no string": b"(" + text("storage") + name("torch:FloatStorage") + b"K\x00" + text("cpu") + b"K\x04tQ",
    "a storage of two types": b"(" + storage() + storage(kind="torch:IntStorage") + b"t",
    "a negative number of elements": storage(count=-1),
    "a size beyond the storage": tensor(size=(5,)),
    "an offset beyond the storage": tensor(offset=1),
    "a stride beyond the storage": tensor(size=(2, 2), stride=(3, 1)),
    "a negative offset": tensor(offset=-1),
    "a negative stride": tensor(offset=3, stride=(-1,)),
    "a negative size": tensor(size=(-1,)),
    "a stride of another length": tensor(stride=(1, 1)),
    "a size that no memory holds": tensor(size=(2**62, 2**62), stride=(0, 0)),
    "a size that is no tuple": call(name(REBUILD), storage(), b"K\x00", b"K\x04", b"K\x01", b"\x89", b")"),
    "a tensor without a storage": call(name(REBUILD), b"]", b"K\x00", b")", b")", b"\x89", b")"),
    "a parameter of a number": call(name("torch._utils:_rebuild_parameter"), number(10**7), b"\x88", b")"),
    "bytes of a number": call(name("builtins:bytes"), number(10**7)),
    "a bytearray of a number": call(name("builtins:bytearray"), number(10**7)),
    "another codec": call(name("_codecs:encode"), text("x"), text("utf-16")),
    "a value that was never kept": b"h\x07",
    "nothing on the stack": b"s",
}


def test_a_string_that_is_cut_off():
    with pytest.raises(EOFError, match="the file is empty or cut off"):
        load(archive(b"X\xff\xff\xff\x7fabc"))


@pytest.mark.parametrize("what", sorted(HOSTILE))
def test_instructions_that_could_do_more_than_make_weights_are_refused(what):
    assert load(archive(tensor(), data_0=bytes(16))).tolist() == [0, 0, 0, 0]
    with pytest.raises(pickle.UnpicklingError, match=f"the file: Weights only load failed: .*{WHY.get(what, '')}"):
        load(archive(HOSTILE[what], data_0=bytes(16)))
    assert tinyrnn.float32.name == "float32" and not hasattr(OrderedDict, "name")


def test_allowing_a_class_allows_no_other():
    evil = name(f"{HERE}:Evil") + b")\x81}" + text("a") + b"K\x01sb"
    assert load(archive(b"N")) is None
    for allowed in ([], [Point]):
        with safe_globals(allowed), pytest.raises(pickle.UnpicklingError, match="Evil was not an allowed global"):
            load(archive(evil))
    assert not Evil.ran
    with safe_globals([(Evil, f"{HERE}.Evil")]):
        load(archive(evil))
    assert Evil.ran
    Evil.ran = False


def test_an_object_of_an_allowed_class_is_not_called():
    with safe_globals([(Evil, f"{HERE}.Evil")]), pytest.raises(pickle.UnpicklingError, match="calls a Evil"):
        load(archive(name(f"{HERE}:Evil") + b")\x81)R"))


@pytest.mark.parametrize("key", ["../../../etc/passwd", "/etc/passwd", "..", "1", "", "0/../0"])
def test_a_storage_is_looked_up_in_the_file_only(key, monkeypatch):
    with pytest.raises(RuntimeError, match=r"the file is damaged: failed locating file data/.*: file not found in the archive"):
        load(archive(tensor(key=key), data_0=bytes(16)))


@pytest.mark.parametrize("count", [3, 5, 2**40, 2**62])
def test_a_storage_has_the_size_that_it_says(count):
    with pytest.raises(RuntimeError, match=rf"data/0 has 16 bytes, expected {4 * count}"):
        load(archive(tensor(count=count), data_0=bytes(16)))


def test_a_packed_record_cannot_blow_up():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("any/data.pkl", bytes(10**6))
    file.seek(0)
    with pytest.raises(RuntimeError, match=r"the file is damaged: data\.pkl is compressed"):
        load(file)


@pytest.mark.parametrize(
    ("count", "stored", "words"),
    [
        (4, 4, None),
        (2**40, 4, "unexpected EOF: storage 0 would have"),
        (4, 5, "has 5 elements, expected 4"),
        (8, 8, "expected 16 more bytes"),
    ],
)
def test_the_old_format_promises_no_more_than_it_has(count, stored, words):
    head = b"".join(pickle.dumps(one, 2) for one in (MAGIC, PROTOCOL, {}))
    body = b"\x80\x02" + tensor(count=count).replace(b"tQ", b"NtQ") + b"." + pickle.dumps(["0"], 2)
    file = io.BytesIO(head + body + struct.pack("<q", stored) + bytes(16))
    if words is None:
        assert load(file).tolist() == [0, 0, 0, 0]
    else:
        with pytest.raises(RuntimeError, match=f"the file is damaged: .*{words}"):
            load(file)


@pytest.mark.parametrize(
    ("kind", "word"), [("torch:BFloat16Storage", "bfloat16"), ("torch:ComplexFloatStorage", "complexfloat"), ("torch:bfloat16", "bfloat16")]
)
def test_numbers_that_no_tensor_holds_are_refused(kind, word):
    with pytest.raises(
        pickle.UnpicklingError, match=rf"numbers of type {word}\. Convert them in PyTorch to one that tinyrnn reads: float16"
    ):
        load(archive(name(kind)))


@pytest.mark.parametrize("kind", [kind.name for kind in STORAGE_TYPES])
def test_byte_order(kind):
    dtype = next(one.numpy for one in STORAGE_TYPES if one.name == kind)
    values = np.array([1, 0, 1, 1]).astype(dtype)
    for order, mark in (("little", "<"), ("big", ">"), (None, "<")):
        records = {"data_0": values.astype(dtype.newbyteorder(mark)).tobytes()} | ({"byteorder": order} if order else {})
        got = load(archive(tensor(kind=f"torch:{kind}"), **records))
        assert got.dtype.numpy == dtype and got.tolist() == values.tolist()
    with pytest.raises(RuntimeError, match="Unknown endianness type: middle"):
        load(archive(b"N", byteorder="middle"))


# -- where tensors go --


@pytest.mark.parametrize(
    "map_location",
    [
        "cpu",
        tinyrnn.device("cpu"),
        {"cuda:1": "cpu"},
        lambda storage, location: storage,
        lambda storage, location: storage.cpu() if location == "cuda:1" else None,
    ],
)
def test_map_location(map_location):
    file = archive(b"(" + tensor(location="cuda:1") + tensor(location="cuda:1", key="0") + b"t", data_0=bytes(16))
    a, b = load(file, map_location)
    a.data[0] = 1
    assert str(b.device) == "cpu" and b.tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("map_location", [None, {"cuda:0": "cpu"}, lambda storage, location: None])
def test_a_device_that_is_not_there(map_location):
    with pytest.raises(RuntimeError, match=r"cuda|device|mps"):
        load(archive(tensor(location="mps"), data_0=bytes(16)), map_location)
    if map_location is None:
        with pytest.raises(RuntimeError, match=r"saved on mps: .* With map_location='cpu' they go to the computer's memory"):
            load(archive(tensor(location="mps"), data_0=bytes(16)))


# -- files --


@with_torch
def test_damaged_files_raise_what_pytorch_raises_and_say_which_file(tmp_path):
    obj = {"x": torch.arange(12.0), "n": 5}
    new = written(obj, torch.save).getvalue()
    old = written(obj, torch.save, _use_new_zipfile_serialization=False).getvalue()
    path = tmp_path / "a file"
    cases = [b"", b"<html>", b"\x80\x02", new[:-60], new[:300], new[:4], new + bytes(70000)]
    cases += [old[:k] for k in (1, 10, 16, 30, 100, len(old) - 60, len(old) - 50, len(old) - 4)] + [pickle.dumps(5, 2) * 3]
    for content in cases:
        path.write_bytes(content)
        with pytest.raises(Exception) as theirs:
            torch.load(path)
        with pytest.raises(Exception, match="a file") as ours:
            load(path)
        expected = theirs.type if theirs.type in (EOFError, RuntimeError) else pickle.UnpicklingError
        assert ours.type is expected, (content[:20], len(content), theirs.value, ours.value)


def test_a_bit_that_flipped_is_noticed(tmp_path):
    data = bytearray(written(tinyrnn.ones(4)).getvalue())
    data[data.index(np.float32(1).tobytes())] ^= 1
    (tmp_path / "f").write_bytes(data)
    with pytest.raises(RuntimeError, match=r"f is damaged: data/0: Bad CRC-32"):
        load(tmp_path / "f")


@given(st.data())
def test_no_damage_does_more_than_raise_an_error(data):
    whole = bytearray(data.draw(st.sampled_from([GOLDEN, GOLDEN_LEGACY])))
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(pickle.UnpicklingError, EOFError, RuntimeError):
        load(io.BytesIO(bytes(whole)))


def test_a_file_is_whole_or_as_it_was(tmp_path):
    save(1, tmp_path / "f")
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save([tinyrnn.ones(3), lambda: 0], tmp_path / "f")
    assert load(tmp_path / "f") == 1 and os.listdir(tmp_path) == ["f"]


def test_paths_and_files(tmp_path):
    t = tinyrnn.ones(2)
    save(t, str(tmp_path / "f"))
    with open(tmp_path / "g", "wb") as file:
        save(t, file)
    with open(tmp_path / "g", "rb") as file:
        assert load(file).tolist() == load(tmp_path / "f").tolist() == [1, 1]
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(IsADirectoryError):
        load(tmp_path)
    with pytest.raises(RuntimeError, match=r"Parent directory .*none does not exist\."):
        save(t, tmp_path / "none" / "f")
    for wrong in (5, None, t):
        with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object"):
            save(t, wrong)
        with pytest.raises(AttributeError, match="expected a path or a file that can read"):
            load(wrong)


def test_options_that_would_change_the_format_are_refused(tmp_path):
    with pytest.raises(ValueError, match="leave pickle_module out"):
        save(1, tmp_path / "f", pickle_module=struct)
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module is specified"):
        load(tmp_path / "f", pickle_module=struct)
    with pytest.raises(ValueError, match=r"before 1\.6 is read, not written"):
        save(1, tmp_path / "f", _use_new_zipfile_serialization=False)
    assert not os.listdir(tmp_path)


def test_safetensors_by_their_ending(tmp_path):
    tinyrnn.serialization.save_tensors({"w": tinyrnn.eye(2)}, tmp_path / "m.safetensors")
    assert load(tmp_path / "m.safetensors", map_location="cpu")["w"].tolist() == [[1, 0], [0, 1]]
    with pytest.raises(RuntimeError, match="give map_location as a device"):
        load(tmp_path / "m.safetensors", map_location={"cpu": "cpu"})


# What torch.save of PyTorch 2.13 wrote: golden() below, in either format.
GOLDEN = base64.b64decode(
    """UEsDBAAACAgAAAAAAAAAAAAAAAAAAAAAAAAQABIAYXJjaGl2ZS9kYXRhLnBrbEZCDgBaWlpaWlpaWlpaWlpaWoACfXEAKFgFAAAAc3RhdGVxAWNjb2xsZWN0aW9ucwpPcm
    RlcmVkRGljdApxAilScQMoWAYAAAB3ZWlnaHRxBGN0b3JjaC5fdXRpbHMKX3JlYnVpbGRfdGVuc29yX3YyCnEFKChYBwAAAHN0b3JhZ2VxBmN0b3JjaApGbG9hdFN0b3Jh
    Z2UKcQdYAQAAADBxCFgDAAAAY3B1cQlLBnRxClFLAEsCSwOGcQtLA0sBhnEMiWgCKVJxDXRxDlJxD1gEAAAAYmlhc3EQaAUoKGgGaAdoCGgJSwZ0cRFRSwFLAoVxEksDhX
    ETiWgCKVJxFHRxFVJxFlgDAAAAaWRzcRdoBSgoaAZjdG9yY2gKTG9uZ1N0b3JhZ2UKcRhYAQAAADFxGWgJSwJ0cRpRSwBLAoVxG0sBhXEciWgCKVJxHXRxHlJxH1gEAAAA
    bWFza3EgaAUoKGgGY3RvcmNoCkJvb2xTdG9yYWdlCnEhWAEAAAAycSJoCUsCdHEjUUsASwKFcSRLAYVxJYloAilScSZ0cSdScSh1WAEAAABwcSljdG9yY2guX3V0aWxzCl
    9yZWJ1aWxkX3BhcmFtZXRlcgpxKmgFKChoBmgHaAhoCUsGdHErUUsASwNLAoZxLEsBSwOGcS2JaAIpUnEudHEvUnEwiGgCKVJxMYdxMlJxM1gFAAAAZXBvY2hxNEsDWAQA
    AABzaXplcTVjdG9yY2gKU2l6ZQpxNksCSwOGcTeFcThScTlYBQAAAGR0eXBlcTpjdG9yY2gKZmxvYXQxNgpxO1gFAAAAd29yZHNxPFgBAAAAYXE9Tkc/+AAAAAAAAIdxPn
    UuUEsHCIwPiuFsAgAAbAIAAFBLAwQAAAgIAAAAAAAAAAAAAAAAAAAAAAAAFwAPAGFyY2hpdmUvLmZvcm1hdF92ZXJzaW9uRkILAFpaWlpaWlpaWlpaMVBLBwi379yDAQAA
    AAEAAABQSwMEAAAICAAAAAAAAAAAAAAAAAAAAAAAABoANwBhcmNoaXZlLy5zdG9yYWdlX2FsaWdubWVudEZCMwBaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWl
    paWlpaWlpaWlpaWlpaWlpaWlo2NFBLBwg/d3HpAgAAAAIAAABQSwMEAAAICAAAAAAAAAAAAAAAAAAAAAAAABEAPwBhcmNoaXZlL2J5dGVvcmRlckZCOwBaWlpaWlpaWlpa
    WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWmxpdHRsZVBLBwiFPeMZBgAAAAYAAABQSwMEAAAICAAAAAAAAAAAAAAAAAAAAAAAAA
    4APgBhcmNoaXZlL2RhdGEvMEZCOgBaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaAAAAAAAAgD8AAABAAABAQAAA
    gEAAAKBAUEsHCBeQ55EYAAAAGAAAAFBLAwQAAAgIAAAAAAAAAAAAAAAAAAAAAAAADgAsAGFyY2hpdmUvZGF0YS8xRkIoAFpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWl
    paWlpaWlpaWlpaWloBAAAAAAAAAP7/////////UEsHCC/aH8oQAAAAEAAAAFBLAwQAAAgIAAAAAAAAAAAAAAAAAAAAAAAADgA0AGFyY2hpdmUvZGF0YS8yRkIwAFpaWlpa
    WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWgEAUEsHCL4jwlgCAAAAAgAAAFBLAwQAAAgIAAAAAAAAAAAAAAAAAAAAAAAADwBBAGFyY2hpdm
    UvdmVyc2lvbkZCPQBaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaMwpQSwcI0Z5nVQIAAAACAAAAUEsDBAAA
    CAgAAAAAAAAAAAAAAAAAAAAAAAAeADIAYXJjaGl2ZS8uZGF0YS9zZXJpYWxpemF0aW9uX2lkRkIuAFpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWl
    paWlpaWlowODQ5NDg4ODQ3OTY1MDQ4NzM1MDA0NjUzMTYyNDQzNTU1NDEzMjAyUEsHCOYuLGIoAAAAKAAAAFBLAQIAAAAACAgAAAAAAACMD4rhbAIAAGwCAAAQAAAAAAAA
    AAAAAAAAAAAAAABhcmNoaXZlL2RhdGEucGtsUEsBAgAAAAAICAAAAAAAALfv3IMBAAAAAQAAABcAAAAAAAAAAAAAAAAAvAIAAGFyY2hpdmUvLmZvcm1hdF92ZXJzaW9uUE
    sBAgAAAAAICAAAAAAAAD93cekCAAAAAgAAABoAAAAAAAAAAAAAAAAAEQMAAGFyY2hpdmUvLnN0b3JhZ2VfYWxpZ25tZW50UEsBAgAAAAAICAAAAAAAAIU94xkGAAAABgAA
    ABEAAAAAAAAAAAAAAAAAkgMAAGFyY2hpdmUvYnl0ZW9yZGVyUEsBAgAAAAAICAAAAAAAABeQ55EYAAAAGAAAAA4AAAAAAAAAAAAAAAAAFgQAAGFyY2hpdmUvZGF0YS8wUE
    sBAgAAAAAICAAAAAAAAC/aH8oQAAAAEAAAAA4AAAAAAAAAAAAAAAAAqAQAAGFyY2hpdmUvZGF0YS8xUEsBAgAAAAAICAAAAAAAAL4jwlgCAAAAAgAAAA4AAAAAAAAAAAAA
    AAAAIAUAAGFyY2hpdmUvZGF0YS8yUEsBAgAAAAAICAAAAAAAANGeZ1UCAAAAAgAAAA8AAAAAAAAAAAAAAAAAkgUAAGFyY2hpdmUvdmVyc2lvblBLAQIAAAAACAgAAAAAAA
    DmLixiKAAAACgAAAAeAAAAAAAAAAAAAAAAABIGAABhcmNoaXZlLy5kYXRhL3NlcmlhbGl6YXRpb25faWRQSwYGLAAAAAAAAAAeAy0AAAAAAAAAAAAJAAAAAAAAAAkAAAAA
    AAAARwIAAAAAAAC4BgAAAAAAAFBLBgcAAAAA/wgAAAAAAAABAAAAUEsFBgAAAAAJAAkARwIAALgGAAAAAA=="""
)
GOLDEN_LEGACY = base64.b64decode(
    """gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohYCgAAAHR5cGVfc2l6ZXNxA31xBChYBQ
    AAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAn1xAChYBQAAAHN0YXRlcQFjY29sbGVjdGlvbnMKT3JkZXJlZERpY3QKcQIpUnEDKFgGAAAAd2Vp
    Z2h0cQRjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3RlbnNvcl92MgpxBSgoWAcAAABzdG9yYWdlcQZjdG9yY2gKRmxvYXRTdG9yYWdlCnEHWA4AAAA5NDQ5MzgwOTcyMjg5Nn
    EIWAMAAABjcHVxCUsGTnRxClFLAEsCSwOGcQtLA0sBhnEMiWgCKVJxDXRxDlJxD1gEAAAAYmlhc3EQaAUoKGgGaAdYDgAAADk0NDkzODA5NzIyODk2cRFoCUsGTnRxElFL
    AUsChXETSwOFcRSJaAIpUnEVdHEWUnEXWAMAAABpZHNxGGgFKChoBmN0b3JjaApMb25nU3RvcmFnZQpxGVgOAAAAOTQ0OTM4MDg4ODkzOTJxGmgJSwJOdHEbUUsASwKFcR
    xLAYVxHYloAilScR50cR9ScSBYBAAAAG1hc2txIWgFKChoBmN0b3JjaApCb29sU3RvcmFnZQpxIlgOAAAAOTQ0OTM4MDg5MTk0NTZxI2gJSwJOdHEkUUsASwKFcSVLAYVx
    JoloAilScSd0cShScSl1WAEAAABwcSpjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3BhcmFtZXRlcgpxK2gFKChoBmgHWA4AAAA5NDQ5MzgwOTcyMjg5NnEsaAlLBk50cS1RSw
    BLA0sChnEuSwFLA4ZxL4loAilScTB0cTFScTKIaAIpUnEzh3E0UnE1WAUAAABlcG9jaHE2SwNYBAAAAHNpemVxN2N0b3JjaApTaXplCnE4SwJLA4ZxOYVxOlJxO1gFAAAA
    ZHR5cGVxPGN0b3JjaApmbG9hdDE2CnE9WAUAAAB3b3Jkc3E+WAEAAABhcT9ORz/4AAAAAAAAh3FAdS6AAl1xAChYDgAAADk0NDkzODA4ODg5MzkycQFYDgAAADk0NDkzOD
    A4OTE5NDU2cQJYDgAAADk0NDkzODA5NzIyODk2cQNlLgIAAAAAAAAAAQAAAAAAAAD+/////////wIAAAAAAAAAAQAGAAAAAAAAAAAAAAAAAIA/AAAAQAAAQEAAAIBAAACg
    QA=="""
)


def golden(library):
    w = library.arange(6.0, dtype=library.float32).reshape(2, 3)
    state = OrderedDict(weight=w, bias=w[:, 1], ids=library.tensor([1, -2]), mask=library.tensor([True, False]))
    return {
        "state": state,
        "p": library.nn.Parameter(w.T),
        "epoch": 3,
        "size": w.shape,
        "dtype": library.float16,
        "words": ("a", None, 1.5),
    }


@pytest.mark.parametrize("content", [GOLDEN, GOLDEN_LEGACY])
def test_a_file_of_pytorch_without_pytorch(content):
    got, expected = load(io.BytesIO(content)), golden(tinyrnn)
    assert got["dtype"] is expected.pop("dtype") and got.pop("dtype") and same(got, expected) and type(got["p"]) is nn.Parameter
    got["p"].data[0, 0] = 9
    assert got["state"]["weight"][0, 0].item() == 9
