"""The same datasets and loaders here and in PyTorch: equal batches, lengths and types, and equal types of errors."""

from __future__ import annotations

import collections
import collections.abc
import inspect
import re
from collections import UserDict, UserList
from types import MappingProxyType as Proxy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinyrnn
import tinyrnn.utils.data

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:This DataLoader will create:UserWarning")  # PyTorch's, about processes

Point = collections.namedtuple("Point", "x y")


class Pair(collections.abc.Mapping):
    """A mapping that is not made from a dict."""

    def __init__(self, a, b):
        self.values_of = {"a": a, "b": b}

    def __getitem__(self, key):
        return self.values_of[key]

    def __iter__(self):
        return iter(self.values_of)

    def __len__(self):
        return 2


def setup(t):
    """The names that the expressions below use, of one library."""
    d = t.utils.data

    class Squares(d.Dataset):
        def __getitem__(self, k):
            if k >= 4:
                raise IndexError(k)
            return k, float(k) ** 2

        def __len__(self):
            return 4

    class Doubled(d.TensorDataset):
        def __getitem__(self, k):
            return 2 * self.tensors[0][k]

    class Unsized(d.Dataset):
        def __getitem__(self, k):
            return k

    class Stream(d.IterableDataset):
        def __init__(self, n):
            self.n = n

        def __iter__(self):
            info = d.get_worker_info()
            return iter(range(self.n if info is None else self.n // info.num_workers))

    class SizedStream(Stream):
        def __len__(self):
            return self.n

    class HalfSubset(d.Subset):
        def __getitem__(self, k):
            return 0

    return {**globals(), **locals()}


OURS, THEIRS = setup(tinyrnn), setup(torch)


def plain(x):
    """A value as both libraries can share it: tensors as dtype, shape and numbers, containers with their class."""
    if isinstance(x, (tinyrnn.Tensor, torch.Tensor)):
        return "tensor", str(x.dtype).split(".")[1], tuple(x.shape), x.tolist()
    if isinstance(x, (dict, UserDict, Proxy)):
        return type(x), [(k, plain(x[k])) for k in x]
    if isinstance(x, (list, tuple, UserList)):
        return type(x), [plain(one) for one in x]
    if isinstance(x, np.ndarray):
        return "array", x.dtype, x.tolist()
    if x is None or isinstance(x, (bool, int, float, str, bytes, range)):
        return type(x), x
    return type(x).__name__


def outcome(expression, names):
    try:
        return plain(eval(expression, names))
    except Exception as error:
        return "raises", type(error)


VALUES = [
    # datasets
    "d.TensorDataset(t.arange(3), t.ones(3, 2))[1]",
    "d.TensorDataset(t.arange(3))[t.tensor([2, 0])]",
    "d.TensorDataset(t.arange(3))[-1]",
    "len(d.TensorDataset(t.ones(4, 2)))",
    "[x for x in d.TensorDataset(t.arange(2))]",
    "list(d.DataLoader(d.TensorDataset(t.arange(4), t.ones(4, 0)), 3))",
    "list(d.DataLoader(d.TensorDataset(t.arange(4)), 2, sampler=t.tensor([2, 0, -1])))",
    "list(d.DataLoader(d.TensorDataset(t.arange(4)), 2, sampler=np.array([2, 0, 1])))",
    "list(d.DataLoader(d.Subset(d.TensorDataset(t.arange(4)), [3, 1]), 2))",
    "list(d.DataLoader(Doubled(t.arange(4)), 2))",
    "[x for x in Squares()]",
    "(Squares() + Squares())[6]",
    "len(Squares() + Squares())",
    "type(Squares() + Squares()).__name__",
    "(Squares() + [7])[-1]",
    "[d.ConcatDataset([range(2), range(0), range(5, 8)])[k] for k in (-5, -1, 0, 1, 2, 4)]",
    "d.ConcatDataset([range(2), range(3)]).cumulative_sizes",
    "type(Stream(2) + Stream(3)).__name__",
    "list(Stream(2) + Stream(3))",
    "len(SizedStream(2) + SizedStream(3))",
    "list(d.ChainDataset([Stream(2), Stream(1)]))",
    "d.Subset(range(10, 20), [3, 1])[1]",
    "list(d.Subset(range(10, 20), [3, 1]))",
    "len(d.Subset(range(9), [3, 1]))",
    "d.Subset(t.arange(10), [3, 1, 7])[[0, 2]]",
    "d.Subset(range(9), [3, 1]).__getitems__([1, 0])",
    "[len(s) for s in d.random_split(range(10), [3, 7])]",
    "[len(s) for s in d.random_split(range(10), [0.3, 0.3, 0.4])]",
    "[len(s) for s in d.random_split(range(11), [0.5, 0.5])]",
    "[len(s) for s in d.random_split(range(5), [0.7, 0.3], generator=t.Generator())]",
    "[len(s) for s in d.random_split(range(7), [1])]",
    "[len(s) for s in d.random_split(range(10), [0.1] * 10)]",
    "[len(s) for s in d.random_split(range(3), np.array([1, 2]))]",
    "d.get_worker_info()",
    # samplers
    "list(d.SequentialSampler(range(3)))",
    "len(d.SequentialSampler('abc'))",
    "len(d.RandomSampler(range(3)))",
    "len(d.RandomSampler(range(3), num_samples=5))",
    "d.RandomSampler(range(3)).num_samples",
    "list(d.RandomSampler(range(1), replacement=True, num_samples=33))",
    "list(d.WeightedRandomSampler([0.0, 2.0], 3))",
    "d.WeightedRandomSampler([1, 2], 1).weights",
    "d.WeightedRandomSampler(t.ones(2), 1).weights",
    "len(d.WeightedRandomSampler([1, 2], 5))",
    "list(d.BatchSampler(d.SequentialSampler(range(5)), 2, False))",
    "list(d.BatchSampler('abcde', 2, True))",
    "len(d.BatchSampler(range(5), 2, True))",
    "len(d.BatchSampler(range(5), 2, False))",
    # collating
    "d.default_collate([1, 2])",
    "d.default_collate((1, 2))",
    "d.default_collate([1.5, 2])",
    "d.default_collate([1, 2.5])",
    "d.default_collate([True, False])",
    "d.default_collate(['a', 'b'])",
    "d.default_collate((b'a', b'b'))",
    "d.default_collate([np.float32(1), np.float32(2)])",
    "d.default_collate([np.float64(1)])",
    "d.default_collate([np.int16(1)])",
    "d.default_collate([np.bool_(True)])",
    "d.default_collate([np.str_('a')])",
    "d.default_collate([np.ones((2, 1), np.float32)] * 2)",
    "d.default_collate([np.array(1), np.array(2)])",
    "d.default_collate([t.tensor(1), t.tensor(2)])",
    "d.default_collate([t.ones(2), t.ones(2, dtype=t.int64)])",
    "d.default_collate([t.ones(0)] * 2)",
    "d.default_collate([(1, 'a'), (2, 'b')])",
    "d.default_collate([[1, 'a'], [2, 'b']])",
    "d.default_collate([[], []])",
    "d.default_collate([(), ()])",
    "d.default_collate([range(2), range(2)])",
    "d.default_collate([UserList([1, 2]), UserList([3, 4])])",
    "d.default_collate([Point(1, 2.0), Point(3, 4.0)])",
    "d.default_collate([{'a': 1, 'b': [2.0]}, {'b': [3.0], 'a': 4, 'c': 0}])",
    "d.default_collate([collections.OrderedDict(b=1, a=2)])",
    "d.default_collate([UserDict(a=1)])",
    "d.default_collate([Proxy({'a': 1})])",
    "d.default_collate([Pair(1, 2.0)])",
    "d.default_convert(Pair(np.ones(1), 2))",
    "d.default_convert(np.arange(2))",
    "d.default_convert(np.float64(3))",
    "d.default_convert(np.array('a'))",
    "d.default_convert(np.array([None]))",
    "d.default_convert(np.str_('a'))",
    "d.default_convert(t.ones(1))",
    "d.default_convert((1, 'a', None, np.ones(1)))",
    "d.default_convert([np.ones(1), [np.zeros(1)]])",
    "d.default_convert(range(3))",
    "d.default_convert(UserList([np.ones(1)]))",
    "d.default_convert(Point(np.ones(1), 2))",
    "d.default_convert({'a': np.ones(1)})",
    "d.default_convert(Proxy({'a': np.ones(1)}))",
    "d.default_convert(b'a')",
    "d.default_convert(object())",
    # the loader
    "list(d.DataLoader(Squares(), 3))",
    "list(d.DataLoader(Squares(), batch_size=None))",
    "list(d.DataLoader([np.ones(2)], batch_size=None))",
    "list(d.DataLoader(t.arange(6).reshape(3, 2), 2))",
    "list(d.DataLoader(np.arange(3)))",
    "list(d.DataLoader('abc', 2))",
    "list(d.DataLoader({'a': 1, 'b': 2}, sampler=['b', 'a']))",
    "list(d.DataLoader([10, 20, 30], sampler=[2, 0]))",
    "list(d.DataLoader(t.arange(4), 2, sampler=t.tensor([2, 0, 1])))",
    "list(d.DataLoader([10, 20, 30], batch_sampler=[[2, 0], [1]]))",
    "list(d.DataLoader([10, 20], collate_fn=sum, batch_size=2))",
    "list(d.DataLoader([10, 20], batch_size=None, collate_fn=str))",
    "list(d.DataLoader([10, 20], batch_size=None, sampler=[1, 1]))",
    "list(d.DataLoader([]))",
    "list(d.DataLoader(d.Subset(Squares(), [3, 0]), 2))",
    "list(d.DataLoader(Stream(5), 2))",
    "list(d.DataLoader(Stream(5), 2, drop_last=True))",
    "list(d.DataLoader(Stream(5), 2, shuffle=False))",
    "list(d.DataLoader(Stream(2), batch_size=None))",
    "len(d.DataLoader(SizedStream(5), 2))",
    "len(d.DataLoader(SizedStream(5), 2, drop_last=True))",
    "len(d.DataLoader(SizedStream(5), None))",
    "len(d.DataLoader(range(5), 2))",
    "len(d.DataLoader(range(5), 2, sampler=[1]))",
    "len(d.DataLoader(range(5), batch_sampler=[[1]]))",
    "len(d.DataLoader(range(5), None))",
    "len(iter(d.DataLoader(range(5), 2)))",
    "next(iter(d.DataLoader(range(5), 2)))",
    "list(iter(d.DataLoader(range(5), 2)))",
    "d.DataLoader(range(5), 2).batch_size",
    "d.DataLoader(range(5), batch_sampler=[[1]]).batch_size",
    "d.DataLoader(range(5), batch_sampler=[[1]]).drop_last",
    "d.DataLoader(range(5), num_workers=1).prefetch_factor",
    "d.DataLoader(range(5)).prefetch_factor",
    "d.DataLoader(range(5)).collate_fn is d.default_collate",
    "d.DataLoader(range(5), None).collate_fn is d.default_convert",
    "d.DataLoader(range(5), None).batch_sampler",
    "isinstance(d.DataLoader(range(5)).batch_sampler, d.BatchSampler)",
    "type(d.DataLoader(range(5)).sampler).__name__",
    "type(d.DataLoader(range(5), shuffle=True).sampler).__name__",
    "isinstance(d.DataLoader(Stream(5)).sampler, d.Sampler)",
    "len(d.DataLoader(range(9), 4, False, None, None, 0, None, False, True, 0, None, None, None))",
    "isinstance(d.Dataset[int], object) and isinstance(d.Sampler[int], object) and isinstance(d.DataLoader[int], object)",
]

ERRORS = [
    "d.Dataset()[0]",
    "len(d.Dataset())",
    "d.IterableDataset()",
    "iter(d.Sampler())",
    "len(d.Sampler())",
    "d.Sampler(range(3))",
    "d.TensorDataset(t.ones(2), t.ones(3))",
    "d.TensorDataset(np.ones(2))",
    "d.TensorDataset([1, 2])",
    "d.TensorDataset(t.tensor(1))",
    "d.TensorDataset(t.ones(2))[2]",
    "len(d.TensorDataset())",
    "d.ConcatDataset([])",
    "d.ConcatDataset([Stream(1)])",
    "d.ConcatDataset([range(2)])[2]",
    "d.ConcatDataset([range(2)])[-3]",
    "list(d.ChainDataset([range(2)]))",
    "len(d.ChainDataset([Stream(2)]))",
    "len(Stream(2) + [1])",
    "HalfSubset(range(3), [1])",
    "d.Subset(range(3), [1])[1]",
    "d.random_split(range(5), [1, 3])",
    "d.random_split(range(5), [0.5, 0.6])",
    "d.random_split(range(5), [1.5, -0.5])",
    "d.random_split(range(5), [2.0, 3.0])",
    "d.random_split(range(5), [])",
    "d.RandomSampler([])",
    "d.RandomSampler(range(3), replacement=1)",
    "d.RandomSampler(range(3), num_samples=0)",
    "d.RandomSampler(range(3), num_samples=2.0)",
    "d.WeightedRandomSampler([1], 0)",
    "d.WeightedRandomSampler([1], True)",
    "d.WeightedRandomSampler([1], 1.0)",
    "d.WeightedRandomSampler([1], 1, 1)",
    "d.WeightedRandomSampler([[1]], 1)",
    "list(d.WeightedRandomSampler([1], 2, False))",
    "list(d.WeightedRandomSampler([-1.0, 2.0], 2))",
    "list(d.WeightedRandomSampler([0.0], 1))",
    "d.BatchSampler(range(3), 0, False)",
    "d.BatchSampler(range(3), True, False)",
    "d.BatchSampler(range(3), 2.0, False)",
    "d.BatchSampler(range(3), 2, 1)",
    "len(d.BatchSampler(iter([1]), 2, False))",
    "d.default_collate([])",
    "d.default_collate([None])",
    "d.default_collate([object()])",
    "d.default_collate([{1, 2}])",
    "d.default_collate([np.array(['a'])])",
    "d.default_collate([np.array([None])])",
    "d.default_collate([t.ones(2), t.ones(3)])",
    "d.default_collate([t.ones(2), 3])",
    "d.default_collate([np.ones(2), np.ones(3)])",
    "d.default_collate([[1, 2], [3]])",
    "d.default_collate([(1, 2), (3,)])",
    "d.default_collate([{'a': 1}, {'b': 1}])",
    "d.default_collate([[1], 2])",
    "d.default_convert(np.datetime64('2020'))",
    "d.DataLoader(range(3), 0)",
    "d.DataLoader(range(3), -1)",
    "d.DataLoader(range(3), 2.0)",
    "d.DataLoader(range(3), drop_last=1)",
    "d.DataLoader([], shuffle=True)",
    "d.DataLoader(Unsized(), shuffle=True)",
    "list(d.DataLoader(Unsized()))",
    "len(d.DataLoader(Unsized()))",
    "d.DataLoader(range(3), sampler=[1], shuffle=True)",
    "d.DataLoader(range(3), 2, batch_sampler=[[1]])",
    "d.DataLoader(range(3), batch_sampler=[[1]], shuffle=True)",
    "d.DataLoader(range(3), batch_sampler=[[1]], sampler=[1])",
    "d.DataLoader(range(3), batch_sampler=[[1]], drop_last=True)",
    "d.DataLoader(range(3), None, drop_last=True)",
    "d.DataLoader(Stream(3), shuffle=True)",
    "d.DataLoader(Stream(3), sampler=[1])",
    "d.DataLoader(Stream(3), batch_sampler=[[1]])",
    "d.DataLoader(Stream(3), 0)",
    "len(d.DataLoader(Stream(3)))",
    "len(iter(d.DataLoader(SizedStream(3))))",
    "len(d.DataLoader(range(3), sampler=iter([1])))",
    "list(d.DataLoader(range(3), sampler=[5]))",
    "list(d.DataLoader([t.ones(2), t.ones(3)], 2))",
    "list(d.DataLoader(d.TensorDataset(t.ones(2)), sampler=[2]))",
    "d.DataLoader(range(3), num_workers=-1)",
    "d.DataLoader(range(3), timeout=-1)",
    "iter(d.DataLoader(range(3), timeout=1))",
    "d.DataLoader(range(3), prefetch_factor=2)",
    "d.DataLoader(range(3), prefetch_factor=-2, num_workers=1)",
    "d.DataLoader(range(3), persistent_workers=True)",
    "d.DataLoader(range(3), multiprocessing_context='fork')",
    "d.DataLoader(range(3), multiprocessing_context='spoon', num_workers=1)",
    "d.DataLoader(range(3), multiprocessing_context=3, num_workers=1)",
    "d.DataLoader(range(3), 1, False, None, None, 0, None, False, False, 0, None, None, None, 2)",
    *(f"setattr(d.DataLoader(range(3)), '{name}', None)" for name in ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset")),
    "setattr(d.DataLoader(range(3)), 'persistent_workers', True)",
    "setattr(d.DataLoader(range(3)), 'multiprocessing_context', 'fork')",
]


@pytest.mark.parametrize("expression", VALUES)
def test_equal_values(expression):
    theirs = outcome(expression, THEIRS)
    assert theirs[0] != "raises", f"PyTorch raises {theirs[1]}"
    assert outcome(expression, OURS) == theirs


@pytest.mark.parametrize("expression", ERRORS)
def test_equal_errors(expression):
    theirs = outcome(expression, THEIRS)
    assert theirs[0] == "raises", f"PyTorch gives {theirs}"
    assert outcome(expression, OURS) == theirs


@pytest.mark.parametrize("lengths", ["[0.99, 0.01]", "[1, 0]"])
def test_an_empty_split_is_warned_of(lengths):
    for names in (OURS, THEIRS):
        with pytest.warns(UserWarning, match="Length of split at index 1 is 0") as caught:
            parts = eval(f"d.random_split(range(5), {lengths})", names)
        assert [len(p) for p in parts] == [5, 0] and caught[0].filename == "<string>", "it points to the caller"


PUBLIC = [name for name in tinyrnn.utils.data.__all__ if name != "get_worker_info"]


@pytest.mark.parametrize("name", PUBLIC)
def test_signatures(name):
    """Names, kinds and defaults of arguments, but those of a method that PyTorch leaves unnamed."""

    def parameters(d):
        found = inspect.signature(getattr(d, name)).parameters.values()
        return [(p.name, p.kind, plain(p.default)) for p in found]

    assert parameters(tinyrnn.utils.data) == parameters(torch.utils.data)


def test_submodules_have_pytorchs_names():
    for room in ("dataset", "sampler", "dataloader"):
        theirs = getattr(torch.utils.data, room)
        ours = getattr(tinyrnn.utils.data, room)
        shared = [n for n in tinyrnn.utils.data.__all__ if hasattr(theirs, n) and not inspect.ismodule(getattr(theirs, n))]
        assert shared and [n for n in shared if not hasattr(ours, n)] == []


# -- drawn --

leaves = st.sampled_from(["int", "float", "bool", "str", "float32", "array", "int64 array", "tensor", "scalar"])
templates = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.tuples(inner, inner).map(lambda pair: Point(*pair)),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    ),
    max_leaves=5,
)


def fill(template, t, rng, shape):
    """A sample of this form, filled with numbers."""
    if isinstance(template, dict):
        return {k: fill(v, t, rng, shape) for k, v in template.items()}
    if isinstance(template, Point):
        return Point(*(fill(v, t, rng, shape) for v in template))
    if isinstance(template, (list, tuple)):
        return type(template)(fill(v, t, rng, shape) for v in template)
    number = int(rng.integers(100))
    return {
        "int": number,
        "float": number / 7,
        "bool": number > 50,
        "str": str(number),
        "float32": np.float32(number / 7),
        "array": np.full(shape, number / 7),
        "int64 array": np.full(shape, number),
        "tensor": t.tensor(np.full(shape, number / 7, np.float32)),
        "scalar": t.tensor(number),
    }[template]


@given(
    template=templates,
    n=st.integers(0, 9),
    batch_size=st.one_of(st.none(), st.integers(1, 4)),
    drop_last=st.booleans(),
    kind=st.sampled_from(["list", "dataset", "iterable", "concat", "subset"]),
    shape=st.lists(st.integers(0, 3), max_size=2).map(tuple),
    num_workers=st.sampled_from([0, 3]),
)
def test_a_loader_gives_pytorchs_batches(template, n, batch_size, drop_last, kind, shape, num_workers):
    drop_last = drop_last and batch_size is not None
    if kind == "concat":
        n = max(n, 1)

    def loader(t, workers):
        d, rng = t.utils.data, np.random.default_rng(0)
        samples = [fill(template, t, rng, shape) for _ in range(n)]

        class Sized(d.Dataset):
            def __getitem__(self, k):
                return samples[k]

            def __len__(self):
                return n

        class Stream(d.IterableDataset):
            def __iter__(self):
                return iter(samples)

        dataset = {
            "list": lambda: samples,
            "dataset": Sized,
            "iterable": Stream,
            "concat": lambda: d.ConcatDataset([samples[: n // 2], samples[n // 2 :]]),
            "subset": lambda: d.Subset(samples, list(range(0, n, 2))),
        }[kind]()
        return d.DataLoader(dataset, batch_size, drop_last=drop_last, num_workers=workers)

    ours, theirs = loader(tinyrnn, num_workers), loader(torch, 0)
    expected = [plain(b) for b in theirs]
    assert [plain(b) for b in ours] == expected and [plain(b) for b in ours] == expected
    if kind != "iterable":
        assert len(ours) == len(theirs)


@given(n=st.integers(0, 40), fractions=st.lists(st.integers(0, 10), min_size=1, max_size=5).filter(sum))
@pytest.mark.filterwarnings("ignore:Length of split:UserWarning")
def test_random_split_makes_parts_of_pytorchs_sizes(n, fractions):
    fractions = [f / sum(fractions) for f in fractions]
    for names in (OURS, THEIRS):
        names["lengths"], names["n"] = fractions, n
    expression = "[len(s) for s in d.random_split(range(n), lengths)]"
    assert outcome(expression, OURS) == outcome(expression, THEIRS)


def test_every_expression_is_there_once():
    expressions = VALUES + ERRORS
    assert len(set(expressions)) == len(expressions)
    named = set(re.findall(r"\bd\.(\w+)", " ".join(expressions)))
    assert set(tinyrnn.utils.data.__all__) <= named | {"SubsetRandomSampler"}
