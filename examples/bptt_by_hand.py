"""Backpropagation through time, written out line by line in NumPy, and compared with autograd.

Time: 1 s on one core

    python examples/bptt_by_hand.py

A small RNN reads T steps and guesses a class after each. A step of its backward pass is ten lines of NumPy
(``rnn_backward``), of the LSTM's fifteen (``lstm_backward``). The numbers they give are those of autograd over the same
equations, of tinyrnn's fused layers, and of finite differences. Then the gradient of the recurrent weight is taken apart,
by the step whose loss it comes from and the step whose use of the weight it goes to: what truncation leaves out, in one table.

What it printed here (0.4 s on one core of a Xeon, Python 3.11, NumPy 2.4.6):

1. One number, used three times
   x1 = w x0,  x2 = w x1,  x3 = w x2,  with x0 = 0.9 and w = 0.2
   dx3/dw through the use of w in x3: 0.036, in x2: 0.036, in x1: 0.036; their sum 0.108; autograd: 0.108

2. RNN: T = 5 steps, N = 2 rows, D = 3 inputs, H = 4 units, C = 6 classes; loss 1.8719, of a uniform guess ln 6 = 1.7918
   gradient of             by hand           autograd             nn.RNN       complex step        differences
   W_ih[1, 1]   -0.030553523300644 -0.030553523300644 -0.030553523300644 -0.030553523300644 -0.030553523300281
   W_hh[1, 1]    0.042663668317431  0.042663668317431  0.042663668317431  0.042663668317431  0.042663668309295
   b_ih[1]      -0.002976191284871 -0.002976191284871 -0.002976191284871 -0.002976191284871 -0.002976191271209
   b_hh[1]      -0.002976191284871 -0.002976191284871 -0.002976191284871 -0.002976191284871 -0.002976191271209
   W_o[1, 1]     0.132796608607010  0.132796608607010  0.132796608607010  0.132796608607010  0.132796608598440
   b_o[1]        0.124282391067133  0.124282391067133  0.124282391067133  0.124282391067133  0.124282391078534
   h0[1, 1]     -0.017383542653490 -0.017383542653490 -0.017383542653490 -0.017383542653490 -0.017383542649796
   all 74 entries, off by at most             3.5e-17            4.2e-17            9.0e-17            2.6e-11

3. The gradient of the RNN's W_hh, taken apart into 15 cells: whose loss, and which use
   by hand, and by autograd with a copy of W_hh for each step: they differ by at most 1.4e-17
   their sum, and the gradient of W_hh in section 2: they differ by at most 2.8e-17

   norms: each cell is a matrix (H, H); matrices add up, their norms do not
   loss of step          used at step        0        1        2        3        4   norm of the row's sum
              0                        0.0661                                          0.0661
              1                        0.0187   0.0617                                 0.0591
              2                        0.0059   0.0223   0.0229                        0.0302
              3                        0.0058   0.0142   0.0155   0.0322               0.0358
              4                        0.0036   0.0102   0.0051   0.0072   0.0531      0.0576
   norm of the column's sum            0.0747   0.0694   0.0178   0.0317   0.0531      0.1337

   shares in %: how far each cell goes in the direction of the whole, whose length is 100; these add up
   loss of step          used at step        0        1        2        3        4   sum of the row
              0                         31.51                                           31.51
              1                          0.99    27.80                                  28.79
              2                         -0.08     8.40     8.47                         16.79
              3                          1.06    -1.69    -5.58    18.02                11.81
              4                         -0.60    -0.49     0.63     0.90    10.67       11.10
   sum of the column                    32.88    34.01     3.52    18.92    10.67      100.00

   h = h.detach() before step s drops the cells with their loss at step s or later and their use before s
   s             cells that stay    their norm / the whole's    degrees off the whole    off autograd with detach()
   1                          11                      0.9989                     9.10                         1e-17
   2                           9                      0.9438                     8.20                         1e-17
   3                           9                      1.0725                     5.89                         3e-17
   4                          11                      1.0034                     7.12                         2e-17
   every step                  5                      0.9974                    14.69                         3e-17

4. LSTM of the same sizes; loss 1.8435
   gradient of             by hand           autograd            nn.LSTM       complex step        differences
   W_ih[1, 1]   -0.000270866921965 -0.000270866921965 -0.000270866921965 -0.000270866921965 -0.000270866906682
   W_hh[1, 1]    0.003458833331939  0.003458833331939  0.003458833331939  0.003458833331939  0.003458833319758
   b_ih[1]       0.006298988626652  0.006298988626652  0.006298988626652  0.006298988626652  0.006298988630693
   b_hh[1]       0.006298988626652  0.006298988626652  0.006298988626652  0.006298988626652  0.006298988630693
   W_o[1, 1]     0.042536275849839  0.042536275849839  0.042536275849839  0.042536275849839  0.042536275834948
   b_o[1]        0.175895263294308  0.175895263294308  0.175895263294308  0.175895263294308  0.175895263321291
   h0[1, 1]     -0.000059305541338 -0.000059305541338 -0.000059305541338 -0.000059305541338 -0.000059305527156
   c0[1, 1]      0.005808471415001  0.005808471415001  0.005808471415001  0.005808471415001  0.005808471414959
   all 190 entries, off by at most            5.6e-17            5.6e-17            5.6e-17            3.7e-11
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import tinyrnn
from tinyrnn import devices, lm, nn
from tinyrnn.nn import functional as F

# Sizes. Everything below is float64: what differs then differs because of a mistake, not because of rounding.
T = 5  # steps
N = 2  # rows of the batch
D = 3  # numbers the network reads at each step
H = 4  # hidden units
C = 6  # classes it chooses from at each step

SEED = 1
EXACT = 1e-13  # how far two ways of computing the same gradient may differ: rounding of numbers below 1
EPSILON = 1e-5  # step of the central differences
ROUGH = 1e-9  # how far these may be off: EPSILON², and the rounding of a loss divided by EPSILON

Arrays = dict[str, np.ndarray]
Loss = Callable[[Arrays], Any]


# -- 1. one number, used three times --


def one_number() -> str:
    """The whole idea, on x1 = w x0, x2 = w x1, x3 = w x2: a weight used three times has a gradient of three parts."""
    w, x0 = 0.2, 0.9
    x1 = w * x0
    x2 = w * x1
    # What a small change of w does to x3, by each of its three uses, the others held fixed.
    last = x2  # x3 = w x2
    middle = w * x1  # x2 = w x1, and x3 has w times that
    first = w * w * x0  # x1 = w x0, and x3 has w w times that
    tensor = tinyrnn.tensor(w, dtype=tinyrnn.float64, requires_grad=True)
    (autograd,) = tinyrnn.grad(tensor * (tensor * (tensor * x0)), tensor)
    check("the three parts add up to autograd's gradient", abs(first + middle + last - autograd.item()), EXACT)
    return (
        f"   x1 = w x0,  x2 = w x1,  x3 = w x2,  with x0 = {x0} and w = {w}\n"
        f"   dx3/dw through the use of w in x3: {last:.3f}, in x2: {middle:.3f}, in x1: {first:.3f}; "
        f"their sum {last + middle + first:.3f}; autograd: {autograd.item():.3f}"
    )


# -- 2. the RNN --
#
#   a_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh
#   h_t = tanh(a_t)
#   z_t = W_o h_t + b_o                          scores of the C classes
#   p_t = softmax(z_t)
#   L_t = mean over the rows of -log p_t[class]  and L is the mean of L_t over the T steps
#
# States are kept in dictionaries by their step, so that h[-1] is the state before the first one.


def head(w: Arrays, h: np.ndarray, classes: np.ndarray) -> tuple[Any, np.ndarray]:
    """This step's share of L, a number, and the probabilities (N, C), from h (N, H)."""
    z = h @ w["W_o"].T + w["b_o"]  # (N, C)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    return -np.log(p[np.arange(N), classes]).sum() / (T * N), p


def rnn_forward(w: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """x (T, N, D) and classes y (T, N) to L and all that the backward pass needs; ``w`` has the weights, and h0 (N, H)."""
    h, p, loss = {-1: w["h0"]}, {}, 0.0
    for t in range(T):
        a = x[t] @ w["W_ih"].T + w["b_ih"] + h[t - 1] @ w["W_hh"].T + w["b_hh"]  # (N, H)
        h[t] = np.tanh(a)
        step_loss, p[t] = head(w, h[t], y[t])
        loss += step_loss
    return loss, {"h": h, "p": p}


def rnn_backward(w: Arrays, x: np.ndarray, y: np.ndarray, saved: dict[str, Any]) -> Arrays:
    """The gradient of L by every weight, and by h0."""
    h, p = saved["h"], saved["p"]
    d = {name: np.zeros_like(value) for name, value in w.items()}
    dh_later = np.zeros((N, H))  # dL/dh_t from the losses of the steps after t: nothing comes after the last
    for t in reversed(range(T)):
        dz = (p[t] - np.eye(C)[y[t]]) / (T * N)  # (N, C)   through softmax and -log: probability minus truth
        d["W_o"] += dz.T @ h[t]  #                 (C, H)   z = W_o h + b_o
        d["b_o"] += dz.sum(axis=0)  #              (C,)
        dh = dz @ w["W_o"] + dh_later  #           (N, H)   h_t is used twice: by its own scores, and by the next step
        da = dh * (1 - h[t] ** 2)  #               (N, H)   tanh' = 1 - tanh²
        d["W_ih"] += da.T @ x[t]  #                (H, D)   each step adds its part: the weights are used T times
        d["W_hh"] += da.T @ h[t - 1]  #            (H, H)
        d["b_ih"] += da.sum(axis=0)  #             (H,)     the two biases only ever occur together,
        d["b_hh"] += da.sum(axis=0)  #             (H,)     so their gradients are equal
        dh_later = da @ w["W_hh"]  #               (N, H)   what reaches h_(t-1): this line is the "through time"
    d["h0"] = dh_later  # dL/dh_(-1): what would flow on into the batch before; h.detach() throws it away
    return d


# -- 3. which loss, which use --


def parts_of_w_hh(w: Arrays, y: np.ndarray, saved: dict[str, Any]) -> np.ndarray:
    """The gradient of W_hh in T * T parts (T, T, H, H): [t, s] is from the loss at step t, through the use at step s <= t."""
    h, p = saved["h"], saved["p"]
    parts = np.zeros((T, T, H, H))
    for t in range(T):
        dh = (p[t] - np.eye(C)[y[t]]) / (T * N) @ w["W_o"]  # (N, H)   this step's loss alone
        for s in reversed(range(t + 1)):
            da = dh * (1 - h[s] ** 2)
            parts[t, s] = da.T @ h[s - 1]
            dh = da @ w["W_hh"]  # one step further back
    return parts


# -- 4. the LSTM --
#
#   a_t = W_ih x_t + b_ih + W_hh h_(t-1) + b_hh       four times H numbers: for i, f, g, o
#   i, f, o = σ(a_i), σ(a_f), σ(a_o),   g = tanh(a_g)
#   c_t = f c_(t-1) + i g
#   h_t = o tanh(c_t)                                 scores and loss as before


def sigmoid(a: np.ndarray) -> np.ndarray:
    """σ."""
    return 1 / (1 + np.exp(-a))


def lstm_forward(w: Arrays, x: np.ndarray, y: np.ndarray) -> tuple[Any, dict[str, Any]]:
    """x (T, N, D) and classes y (T, N) to L and all that the backward pass needs; ``w`` has h0 and c0 (N, H), too."""
    h, c, gates, p, loss = {-1: w["h0"]}, {-1: w["c0"]}, {}, {}, 0.0
    for t in range(T):
        a = x[t] @ w["W_ih"].T + w["b_ih"] + h[t - 1] @ w["W_hh"].T + w["b_hh"]  # (N, 4H)
        a_i, a_f, a_g, a_o = np.split(a, 4, axis=1)  # (N, H) each
        i, f, g, o = gates[t] = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        c[t] = f * c[t - 1] + i * g
        h[t] = o * np.tanh(c[t])
        step_loss, p[t] = head(w, h[t], y[t])
        loss += step_loss
    return loss, {"h": h, "c": c, "gates": gates, "p": p}


def lstm_backward(w: Arrays, x: np.ndarray, y: np.ndarray, saved: dict[str, Any]) -> Arrays:
    """The gradient of L by every weight, and by h0 and c0."""
    h, c, gates, p = saved["h"], saved["c"], saved["gates"], saved["p"]
    d = {name: np.zeros_like(value) for name, value in w.items()}
    dh_later, dc_later = np.zeros((N, H)), np.zeros((N, H))  # two roads lead back in time
    for t in reversed(range(T)):
        i, f, g, o = gates[t]
        dz = (p[t] - np.eye(C)[y[t]]) / (T * N)
        d["W_o"] += dz.T @ h[t]
        d["b_o"] += dz.sum(axis=0)
        dh = dz @ w["W_o"] + dh_later
        dc = dh * o * (1 - np.tanh(c[t]) ** 2) + dc_later  # c_t is used twice: by h_t, and by c_(t+1)
        do = dh * np.tanh(c[t])  #                           h = o tanh(c)
        di, df, dg = dc * g, dc * c[t - 1], dc * i  #        c = f c_(t-1) + i g
        # Through the nonlinearities: σ' = σ (1 - σ), tanh' = 1 - tanh².
        da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)], axis=1)  # (N, 4H)
        d["W_ih"] += da.T @ x[t]
        d["W_hh"] += da.T @ h[t - 1]
        d["b_ih"] += da.sum(axis=0)
        d["b_hh"] += da.sum(axis=0)
        dh_later = da @ w["W_hh"]  # the road of the RNN, through a matrix and slopes below 1
        dc_later = dc * f  #         the road that only LSTMs have: through f, and where f is 1, undiminished
    d["h0"], d["c0"] = dh_later, dc_later
    return d


# -- the same gradients, in other ways --


def tensors_of(arrays: Arrays, device: Any) -> dict[str, tinyrnn.Tensor]:
    """Copies that autograd follows."""
    return {name: tinyrnn.tensor(array, device=device, requires_grad=True) for name, array in arrays.items()}


def mean_loss(w: dict[str, Any], outputs: Any, y: np.ndarray) -> tinyrnn.Tensor:
    """L as one call: outputs (T, N, H) to scores to cross-entropy, the mean over T * N."""
    scores = F.linear(outputs, w["W_o"], w["b_o"])  # (T, N, C)
    return F.cross_entropy(scores.reshape(T * N, C), tinyrnn.tensor(y.reshape(T * N), device=outputs.device))


def by_autograd(kind: str, inputs: Arrays, x: np.ndarray, y: np.ndarray, detached: Sequence[int] = (), device: Any = "cpu") -> Arrays:
    """The forward pass as equations of tensors, one step after another; autograd derives the backward pass.

    Before the steps ``detached`` the state loses its history, as it does between the batches of truncated BPTT.
    """
    w = tensors_of(inputs, device)
    h, c, outputs = w["h0"], w.get("c0"), []
    for t, x_t in enumerate(tinyrnn.tensor(x, device=device)):
        if t in detached:
            h, c = lm.detach((h, c))
        a = F.linear(x_t, w["W_ih"], w["b_ih"]) + F.linear(h, w["W_hh"], w["b_hh"])
        if kind == "RNN":
            h = a.tanh()
        else:
            i, f, g, o = a.chunk(4, dim=1)
            c = f.sigmoid() * c + i.sigmoid() * g.tanh()
            h = o.sigmoid() * c.tanh()
        outputs.append(h)
    grads = tinyrnn.grad(mean_loss(w, tinyrnn.stack(outputs), y), list(w.values()), materialize_grads=True)
    return {name: g.cpu().numpy() for name, g in zip(w, grads)}


def by_layer(kind: str, inputs: Arrays, x: np.ndarray, y: np.ndarray, device: Any = "cpu") -> Arrays:
    """``nn.RNN`` or ``nn.LSTM``: all steps in one operation, with a backward pass that was derived by hand, too."""
    layer = getattr(nn, kind)(D, H, device=device, dtype=tinyrnn.float64)
    w = tensors_of(inputs, device)
    names = {"W_ih": "weight_ih_l0", "W_hh": "weight_hh_l0", "b_ih": "bias_ih_l0", "b_hh": "bias_hh_l0"}
    layer.load_state_dict({long: w[short].detach() for short, long in names.items()})
    state = tuple(w[name].unsqueeze(0) for name in ("h0", "c0") if name in w)  # (layers=1, N, H) each
    outputs, _ = layer(tinyrnn.tensor(x, device=device), state if kind == "LSTM" else state[0])  # (T, N, H)
    mean_loss(w, outputs, y).backward()
    leaves = w | {short: getattr(layer, long) for short, long in names.items()}
    return {name: leaf.grad.cpu().numpy() for name, leaf in leaves.items()}


def moved(loss: Loss, inputs: Arrays, name: str, at: tuple[int, ...], step: complex) -> Any:
    """The loss after one entry of one input has moved by ``step``."""
    changed = inputs[name] + 0 * step  # a copy, complex if the step is
    changed[at] += step
    return loss({**inputs, name: changed})


def by_differences(loss: Loss, inputs: Arrays) -> Arrays:
    """Central differences: move each entry both ways. Two nearly equal losses are subtracted, so digits are lost."""

    def slope(name: str, at: tuple[int, ...]) -> float:
        return (moved(loss, inputs, name, at, EPSILON) - moved(loss, inputs, name, at, -EPSILON)) / (2 * EPSILON)

    return of_all_entries(slope, inputs)


def by_complex_step(loss: Loss, inputs: Arrays) -> Arrays:
    """Move each entry along the imaginary axis: L(w + is) = L(w) + is L'(w) + ..., so nothing is subtracted, and s may be tiny."""

    def slope(name: str, at: tuple[int, ...]) -> float:
        return moved(loss, inputs, name, at, 1e-30j).imag / 1e-30

    return of_all_entries(slope, inputs)


def of_all_entries(slope: Callable[[str, tuple[int, ...]], float], inputs: Arrays) -> Arrays:
    """``slope`` of each entry of each input."""
    return {name: np.array([slope(name, at) for at in np.ndindex(a.shape)]).reshape(a.shape) for name, a in inputs.items()}


def parts_by_autograd(w: Arrays, x: np.ndarray, y: np.ndarray, device: Any = "cpu") -> np.ndarray:
    """The same (T, T, H, H): give each step a copy of W_hh of its own, and ask each loss for the gradient of each copy."""
    k = tensors_of(w, device)
    copies = [k["W_hh"].clone() for _ in range(T)]
    h, losses = k["h0"], []
    for x_t, classes, copy in zip(tinyrnn.tensor(x, device=device), tinyrnn.tensor(y, device=device), copies):
        h = tinyrnn.tanh(F.linear(x_t, k["W_ih"], k["b_ih"]) + F.linear(h, copy, k["b_hh"]))
        losses.append(F.cross_entropy(F.linear(h, k["W_o"], k["b_o"]), classes) / T)
    rows = [tinyrnn.grad(loss, copies, retain_graph=True, allow_unused=True) for loss in losses]
    return np.array([[np.zeros((H, H)) if g is None else g.cpu().numpy() for g in row] for row in rows])


# -- printing --


def check(fact: str, difference: float, tolerance: float) -> None:
    """Stop if a fact does not hold.

    Raises:
        AssertionError: ``difference`` is above ``tolerance``, or not a number.
    """
    if not difference <= tolerance:
        raise AssertionError(f"{fact}: expected a difference of at most {tolerance:.1e}, got {difference:.3e}")


def difference(a: Arrays, b: Arrays) -> float:
    """The largest, over all entries of all gradients."""
    return max(float(np.abs(a[name] - b[name]).max()) for name in a)


def compare(kind: str, inputs: Arrays, x: np.ndarray, y: np.ndarray, hand: Arrays, loss: Loss, device: Any = "cpu") -> dict[str, float]:
    """Print the gradients of five ways side by side and return how far each is from ours; stop if one is too far."""
    ways = {
        "autograd": by_autograd(kind, inputs, x, y, device=device),
        f"nn.{kind}": by_layer(kind, inputs, x, y, device),
        "complex step": by_complex_step(loss, inputs),
        "differences": by_differences(loss, inputs),
    }
    print(f"   {'gradient of':<12}" + "".join(f"{way:>19}" for way in ("by hand", *ways)))
    for name, array in hand.items():
        at = (1,) * array.ndim
        values = [grads[name][at] for grads in (hand, *ways.values())]
        print(f"   {name + str(list(at)):<12}" + "".join(f"{value:19.15f}" for value in values))
    far = {way: difference(hand, grads) for way, grads in ways.items()}
    entries = sum(array.size for array in hand.values())
    print(f"   {f'all {entries} entries, off by at most':<31}" + "".join(f"{value:19.1e}" for value in far.values()))
    for way, value in far.items():
        check(f"{kind}, by hand against {way}", value, ROUGH if way == "differences" else EXACT)
    return {f"{kind}, {way}": value for way, value in far.items()}


Margin = tuple[str, np.ndarray]


def print_table(title: str, cells: np.ndarray, form: str, right: Margin, below: Margin, corner: float) -> None:
    """The lower triangle of ``cells`` (T, T), a row for each loss and a column for each use, and its margins."""
    print(f"\n   {title}")
    print("   loss of step          used at step" + "".join(f"{s:>9}" for s in range(T)) + f"   {right[0]}")
    for t in range(T):
        row = "".join(f"{cells[t, s]:9{form}}" for s in range(t + 1))
        print(f"   {t:>12}{'':21}{row:<{9 * T}}{right[1][t]:12{form}}")
    print(f"   {below[0]:<33}" + "".join(f"{value:9{form}}" for value in below[1]) + f"{corner:12{form}}")


def take_apart(w: Arrays, x: np.ndarray, y: np.ndarray, saved: dict[str, Any], whole: np.ndarray, device: Any = "cpu") -> dict[str, float]:
    """Print the parts of the gradient of W_hh (H, H), ``whole``, and what is left of it when far ones are dropped."""
    parts, norm = parts_of_w_hh(w, y, saved), np.linalg.norm
    apart = float(np.abs(parts - parts_by_autograd(w, x, y, device)).max())
    total = float(np.abs(parts.sum(axis=(0, 1)) - whole).max())
    print(f"   by hand, and by autograd with a copy of W_hh for each step: they differ by at most {apart:.1e}")
    print(f"   their sum, and the gradient of W_hh in section 2: they differ by at most {total:.1e}")
    check("the parts, by hand against autograd with a copy of W_hh for each step", apart, EXACT)
    check("the sum of the parts against the gradient of W_hh", total, EXACT)
    print_table(
        "norms: each cell is a matrix (H, H); matrices add up, their norms do not",
        norm(parts, axis=(2, 3)), ".4f", ("norm of the row's sum", norm(parts.sum(axis=1), axis=(1, 2))),
        ("norm of the column's sum", norm(parts.sum(axis=0), axis=(1, 2))), float(norm(whole)),
    )  # fmt: skip
    shares = 100 * (parts * whole).sum(axis=(2, 3)) / (whole * whole).sum()  # (T, T)
    print_table(
        "shares in %: how far each cell goes in the direction of the whole, whose length is 100; these add up",
        shares, ".2f", ("sum of the row", shares.sum(axis=1)), ("sum of the column", shares.sum(axis=0)), shares.sum(),
    )  # fmt: skip
    print("\n   h = h.detach() before step s drops the cells with their loss at step s or later and their use before s")
    print("   s             cells that stay    their norm / the whole's    degrees off the whole    off autograd with detach()")
    loss_step, use_step = np.indices((T, T))
    facts = {"parts, against autograd": apart, "parts, their sum": total}
    for detached in [(s,) for s in range(1, T)] + [tuple(range(1, T))]:
        kept = use_step <= loss_step
        for s in detached:
            kept &= ~((loss_step >= s) & (use_step < s))
        left = parts[kept].sum(axis=0)  # (H, H)
        cosine = float((left * whole).sum() / norm(left) / norm(whole))
        before = "every step" if len(detached) > 1 else str(detached[0])
        off = float(np.abs(left - by_autograd("RNN", w, x, y, detached, device)["W_hh"]).max())
        degrees = np.degrees(np.arccos(cosine))
        print(f"   {before:<10}{kept.sum():19}{norm(left) / norm(whole):28.4f}{degrees:25.2f}{off:30.0e}")
        check(f"cells that stay against autograd with detach() before steps {detached}", off, EXACT)
        facts[f"cosine, detached before {before}"] = cosine
    return facts


def run(seed: int, device: Any = "cpu") -> dict[str, float]:
    """Everything, printed; returns the numbers that ``--verify`` looks at.

    Raises:
        AssertionError: two ways to the same gradient disagree.
    """
    print("1. One number, used three times")
    print(one_number())

    generator = tinyrnn.manual_seed(seed).numpy
    x, y = generator.standard_normal((T, N, D)), generator.integers(C, size=(T, N))
    w = weights_of("RNN", generator)
    loss, saved = rnn_forward(w, x, y)
    gradient = rnn_backward(w, x, y, saved)
    print(f"\n2. RNN: T = {T} steps, N = {N} rows, D = {D} inputs, H = {H} units, C = {C} classes; ", end="")
    print(f"loss {loss:.4f}, of a uniform guess ln {C} = {np.log(C):.4f}")
    facts = compare("RNN", w, x, y, gradient, lambda w: rnn_forward(w, x, y)[0], device)

    print(f"\n3. The gradient of the RNN's W_hh, taken apart into {T * (T + 1) // 2} cells: whose loss, and which use")
    facts |= take_apart(w, x, y, saved, gradient["W_hh"], device)

    w = weights_of("LSTM", generator)
    loss, saved = lstm_forward(w, x, y)
    gradient = lstm_backward(w, x, y, saved)
    print(f"\n4. LSTM of the same sizes; loss {loss:.4f}")
    facts |= compare("LSTM", w, x, y, gradient, lambda w: lstm_forward(w, x, y)[0], device)
    return facts


def weights_of(kind: str, generator: np.random.Generator) -> Arrays:
    """Weights as PyTorch draws them, uniform in ±1/sqrt(H), and a state as if carried from an earlier batch."""
    layer, out = getattr(nn, kind)(D, H, dtype=tinyrnn.float64), nn.Linear(H, C, dtype=tinyrnn.float64)
    names = ("W_ih", "W_hh", "b_ih", "b_hh", "W_o", "b_o")
    weights = {name: p.detach().numpy() for name, p in zip(names, (*layer.parameters(), *out.parameters()))}
    states = {name: generator.standard_normal((N, H)) / 2 for name in ("h0", "c0")[: layer.states]}
    return weights | states


# -- the command --

# What seeds 1, 2 and 3 gave stands beside. The exact ones are rounding. That central differences are not exact is a fact, too.
BANDS = {
    "RNN, autograd": (0, 1e-15),  # 3e-17, 3e-17, 3e-17
    "RNN, nn.RNN": (0, 1e-15),  # 4e-17, 3e-17, 3e-17
    "RNN, complex step": (0, 1e-15),  # 9e-17, 6e-17, 8e-17
    "RNN, differences": (1e-12, 1e-10),  # 3e-11, 3e-11, 2e-11
    "parts, against autograd": (0, 1e-15),  # 1e-17, 5e-18, 1e-17
    "parts, their sum": (0, 1e-15),  # 3e-17, 1e-17, 2e-17
    "cosine, detached before every step": (0.6, 0.995),  # 0.967, 0.957, 0.938; of seeds 1 to 30: 0.649 to 0.987
    "LSTM, autograd": (0, 1e-15),  # 6e-17, 3e-17, 6e-17
    "LSTM, nn.LSTM": (0, 1e-15),  # 6e-17, 3e-17, 6e-17
    "LSTM, complex step": (0, 1e-15),  # 6e-17, 6e-17, 6e-17
    "LSTM, differences": (1e-12, 1e-10),  # 4e-11, 3e-11, 3e-11
}


def verify(facts: dict[str, float]) -> bool:
    """Compare with the bands; says so."""
    ok = True
    for name, (low, high) in BANDS.items():
        inside = low <= facts[name] <= high
        ok = ok and inside
        print(f"verify: {'ok' if inside else 'FAILED'} {name} {facts[name]:.4g} in [{low}, {high}]")
    return ok


def main(argv: list[str] | None = None) -> int:
    """Run it; returns the exit code: 0 done, 1 a fact does not hold, 130 interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--seed", type=int, default=SEED, help="of weights and data")
    parser.add_argument("--smoke", action="store_true", help="nothing to shorten here: the whole takes a second")
    parser.add_argument("--verify", action="store_true", help="compare with stored bands; exit code 1 outside of them")
    args = parser.parse_args(argv)
    try:
        facts = run(args.seed, devices.choose(args.device))
        return 0 if not args.verify or verify(facts) else 1
    except (AssertionError, devices.DeviceError) as error:
        print(f"bptt_by_hand: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
