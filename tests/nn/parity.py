"""The same numbers in PyTorch and in tinyrnn, and a strict comparison of what came out."""

import numpy as np
import pytest

import tinyrnn

torch = pytest.importorskip("torch")

VALUE, GRADIENT = 1e-12, 1e-10


def both(array, requires_grad=None):
    """One array as a tensor of each library; floats require grad unless told otherwise."""
    array = np.asarray(array)
    wanted = array.dtype.kind == "f" if requires_grad is None else requires_grad
    return tinyrnn.tensor(array, requires_grad=wanted), torch.tensor(array, requires_grad=wanted)


def same(ours, theirs, tolerance=VALUE, what="value"):
    """Equal shape, dtype and numbers; nested tuples are compared element by element.

    The tolerance is relative to the largest element, since that is what rounding in a sum is relative to.
    """
    if theirs is None:
        assert ours is None, f"{what}: PyTorch gives None"
        return
    if isinstance(theirs, (tuple, list)):
        assert type(ours) is type(theirs) and len(ours) == len(theirs), f"{what}: {type(ours)} for {type(theirs)}"
        for k, pair in enumerate(zip(ours, theirs)):
            same(*pair, tolerance, f"{what}[{k}]")
        return
    assert isinstance(ours, tinyrnn.Tensor), f"{what} is {ours!r}"
    assert tuple(ours.shape) == tuple(theirs.shape), f"{what}: shape {tuple(ours.shape)}, PyTorch {tuple(theirs.shape)}"
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1], f"{what}: {ours.dtype}, PyTorch {theirs.dtype}"
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    finite = np.abs(b[np.isfinite(b)])
    scale = finite.max() if finite.size else 1.0
    np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * scale, err_msg=what)


def flat(results):
    """The tensors in nested tuples, in order."""
    if isinstance(results, (tuple, list)):
        return [t for r in results for t in flat(r)]
    return [results]


def same_run(ours, theirs, inputs, rng, tolerance=(VALUE, GRADIENT)):
    """Equal results, and equal gradients of a random weighted sum of them.

    Args:
        ours, theirs: the results of each library.
        inputs: name -> (ours, theirs), the tensors whose gradients count.
        rng: draws the weights.
        tolerance: of values and of gradients.
    """
    same(ours, theirs, tolerance[0], "result")
    weights = [rng.standard_normal(tuple(t.shape)).astype(t.detach().numpy().dtype) for t in flat(theirs)]
    loss = sum((t * tinyrnn.tensor(w)).sum() for t, w in zip(flat(ours), weights))
    their_loss = sum((t * torch.tensor(w)).sum() for t, w in zip(flat(theirs), weights))
    mine = tinyrnn.grad(loss, [pair[0] for pair in inputs.values()], allow_unused=True)
    their = torch.autograd.grad(their_loss, [pair[1] for pair in inputs.values()], allow_unused=True)
    for name, a, b in zip(inputs, mine, their):
        same(a, b, tolerance[1], f"gradient of {name}")


def share_weights(ours, theirs, towards="ours"):
    """Copy the weights of one module into the other through ``load_state_dict``."""
    assert list(ours.state_dict()) == list(theirs.state_dict())
    if towards == "ours":
        ours.load_state_dict({k: tinyrnn.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    else:
        theirs.load_state_dict({k: torch.tensor(v.numpy()) for k, v in ours.state_dict().items()})


def parameter_pairs(ours, theirs):
    """name -> (ours, theirs), after checking that names and order agree."""
    mine, their = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert list(mine) == list(their)
    return {name: (mine[name], their[name]) for name in mine}


def raised(function):
    """The exception that a call raises, or ``None``."""
    try:
        function()
    except Exception as error:
        return error
    return None


def same_error(ours, theirs):
    """Both calls fail with the same type of exception; returns our message."""
    mine, their = raised(ours), raised(theirs)
    assert their is not None, "PyTorch accepts this"
    assert type(mine) is type(their), f"{mine!r}, PyTorch {their!r}"
    return str(mine)
