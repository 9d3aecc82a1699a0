"""PyTorch with tinyrnn's random numbers: whatever a program draws, weights and masks and orders, is then equal in both.

Nothing in the program has to know. PyTorch's functions that draw are replaced, for as long as a program runs, by ones
that ask tinyrnn for the numbers, each in the order in which the program asks.
"""

from contextlib import contextmanager

import pytest

import tinyrnn
from tinyrnn.nn import functional as our_functional
from tinyrnn.nn import init as our_init
from tinyrnn.utils.data import RandomSampler


@contextmanager
def same_draws():
    """PyTorch draws from ``tinyrnn.default_generator`` and from tinyrnn's generators; seeding it seeds them."""
    torch = pytest.importorskip("torch")

    def ours(value):
        if isinstance(value, torch.Tensor):
            return tinyrnn.from_numpy(value.detach().numpy())
        if isinstance(value, torch.dtype):
            return getattr(tinyrnn, str(value).removeprefix("torch."))
        return None if isinstance(value, torch._C.Generator) else value

    def theirs(value):
        return torch.from_numpy(value.numpy().copy()) if isinstance(value, tinyrnn.Tensor) else value

    def drawn_by(function, has_dtype):
        def draw(*args, **options):
            wants = options.pop("requires_grad", False)
            for ignored in ("device", "layout", "pin_memory"):
                options.pop(ignored, None)
            dtype = options.pop("dtype", None)
            if has_dtype:
                options["dtype"] = dtype or torch.get_default_dtype()
            drawn = theirs(function(*map(ours, args), **{k: ours(v) for k, v in options.items()}))
            if not has_dtype and dtype is not None:
                drawn = drawn.to(dtype)
            return drawn.requires_grad_(wants)

        return draw

    def filled_by(function):
        def fill(self, *args, generator=None, **options):
            values = function(tuple(self.shape), ours(self.dtype), ours(generator), *args, **options)
            with torch.no_grad():
                return self.copy_(theirs(values))

        return fill

    def uniform(shape, dtype, generator, *bounds, **options):
        a, b = (*bounds, *(0.0, 1.0)[len(bounds) :])
        a, b = options.get("from", a), options.get("to", b)
        return tinyrnn.rand(shape, dtype=dtype, generator=generator) * (b - a) + a

    def normal(shape, dtype, generator, mean=0.0, std=1.0):
        return tinyrnn.randn(shape, dtype=dtype, generator=generator) * std + mean

    def integers(shape, dtype, generator, low=None, high=None):
        if low is None:  # how a DataLoader seeds workers that it does not have
            return tinyrnn.zeros(shape, dtype=dtype)
        return tinyrnn.randint(*((0, low) if high is None else (low, high)), shape, dtype=dtype, generator=generator)

    def zero_or_one(shape, dtype, generator, p=0.5):
        p = ours(p) if isinstance(p, torch.Tensor) else tinyrnn.full(shape, float(p), dtype=tinyrnn.float64)
        return tinyrnn.bernoulli(p, generator=generator).to(dtype)

    def dropout(input, p=0.5, training=True, inplace=False, generator=None):
        mask = our_functional.dropout(tinyrnn.ones(tuple(input.shape), dtype=ours(input.dtype)), p, training)
        dropped = input * theirs(mask) if training and p else input
        return input.copy_(dropped) if inplace else dropped

    def like(draw):
        return lambda input, **options: draw(tuple(input.shape), **{"dtype": input.dtype, **options})

    def permuted(self):
        options = {"replacement": self.replacement, "num_samples": self.num_samples, "generator": ours(self.generator)}
        return iter(RandomSampler(range(len(self.data_source)), **options))

    def initialised_by(function):
        def fill(tensor, *args, **options):
            values = function(tinyrnn.zeros(tuple(tensor.shape), dtype=ours(tensor.dtype)), *args, **options)
            with torch.no_grad():
                return tensor.copy_(theirs(values))

        return fill

    def layer_by_layer(name):
        whole = getattr(torch._VF, name)

        def run(*args):
            packed = isinstance(args[3], (list, tuple))
            (x, sizes, hx), weights, rest = (args[:3], args[3], args[4:]) if packed else ((args[0], None, args[1]), args[2], args[3:])
            bias, layers, p, training, bidirectional, *batch_first = rest
            if not (p and training and layers > 1):
                return whole(*args)
            each = len(weights) // layers
            finals = []
            for k in range(layers):
                rows = slice(k * (1 + bidirectional), (k + 1) * (1 + bidirectional))
                state = tuple(s[rows] for s in hx) if isinstance(hx, (list, tuple)) else hx[rows]
                if k:
                    # tinyrnn draws a mask for time-first data
                    turned = bool(batch_first and batch_first[0])
                    x = dropout(x.transpose(0, 1), p).transpose(0, 1) if turned else dropout(x, p)
                own = [bias, 1, 0.0, training, bidirectional, *batch_first]
                of_layer = weights[k * each : (k + 1) * each]
                x, *final = whole(x, sizes, state, of_layer, *own) if packed else whole(x, state, of_layer, *own)
                finals.append(final)
            return (x, *(torch.cat(parts) for parts in zip(*finals)))

        return run

    with pytest.MonkeyPatch.context() as patch:
        draws = {name: drawn_by(getattr(tinyrnn, name), True) for name in ("rand", "randn")}
        draws |= {name: drawn_by(getattr(tinyrnn, name), False) for name in ("randint", "randperm", "normal", "bernoulli", "multinomial")}
        draws |= {"rand_like": like(draws["rand"]), "randn_like": like(draws["randn"])}
        for name, function in draws.items():
            patch.setattr(torch, name, function)
        patch.setattr(torch.utils.data.dataset, "randperm", draws["randperm"])
        for name in ("bernoulli", "multinomial"):
            patch.setattr(torch.Tensor, name, draws[name])
        for name, function in {"uniform_": uniform, "normal_": normal, "random_": integers, "bernoulli_": zero_or_one}.items():
            patch.setattr(torch.Tensor, name, filled_by(function))
        for name in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
            run = layer_by_layer(name)
            patch.setattr(torch._VF, name, run, raising=False)
            if name in ("rnn_tanh", "rnn_relu"):
                patch.setitem(torch.nn.modules.rnn._rnn_impls, name.upper(), run)
        for name in {"orthogonal_", "sparse_", "trunc_normal_"} & set(dir(our_init)):  # more than one draw, or in another precision
            patch.setattr(torch.nn.init, name, initialised_by(getattr(our_init, name)))
        patch.setattr(torch, "manual_seed", tinyrnn.manual_seed)
        patch.setattr(torch, "get_rng_state", lambda: theirs(tinyrnn.get_rng_state()))
        patch.setattr(torch, "set_rng_state", lambda state: tinyrnn.set_rng_state(ours(state)))
        patch.setattr(torch, "Generator", tinyrnn.Generator)
        patch.setattr(torch, "dropout", dropout)
        patch.setattr(torch.nn.functional, "dropout", dropout)
        patch.setattr(torch.utils.data.RandomSampler, "__iter__", permuted)
        yield torch
