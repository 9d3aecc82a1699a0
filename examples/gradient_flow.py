"""Vanishing and exploding gradients: how much of a loss reaches the state k steps earlier, in RNN, GRU and LSTM.

Time: 1 s on one core

    python examples/gradient_flow.py
    python examples/gradient_flow.py --plot flow.png      # the same as a picture; needs matplotlib

Every step back multiplies the gradient by the step's Jacobian, dh_(t+1)/dh_t. A product of a hundred matrices vanishes or
explodes unless each keeps lengths almost exactly. This measures, with autograd over cells, the norm of dL/dh_(T-k), where
the loss L sees the state of the last step T only, for untrained networks that read random numbers.

Read: Hochreiter and Schmidhuber, Long short-term memory, 1997 (the problem, and the cell that keeps errors constant).
Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013 (the bounds; clipping).
Jozefowicz, Zaremba and Sutskever, An empirical exploration of recurrent network architectures, 2015 (forget bias 1).
Le, Jaitly and Hinton, A simple way to initialize recurrent networks of rectified linear units, 2015 (identity).

What it printed here (1.0 s on one core of a Xeon, Python 3.11, NumPy 2.4.6):

Norm of dL/dh_(T-k) over the norm of dL/dh_T: 16 rows, H = 64; T = 150 steps of 16 standard normal numbers

1. RNN, h' = tanh(W_ih x + W_hh h) with W_hh = radius times an orthogonal matrix: a step can gain at most the radius
   radius                           k = 1   k = 2   k = 5  k = 10  k = 20  k = 50 k = 100  per step  steps            per step / radius
   0.9, all inputs 0: radius^k      0.900   0.810   0.590   0.349   0.122   5e-03   3e-05    0.9000  halve in 6.6     1.00
   1.0, all inputs 0: radius^k      1.000   1.000   1.000   1.000   1.000   1.000   1.000    1.0000  keep             1.00
   1.1, all inputs 0: radius^k      1.100   1.210   1.611   2.594   6.727 117.391   1e+04    1.1000  double in 7.3    1.00
   0.9, reading                     0.756   0.594   0.272   0.075   6e-03   3e-06   1e-11    0.7776  halve in 2.8     0.86
   1.0, reading                     0.855   0.731   0.437   0.189   0.035   2e-04   4e-08    0.8445  halve in 4.1     0.84
   1.1, reading                     0.889   0.796   0.549   0.300   0.092   3e-03   9e-06    0.8922  halve in 6.1     0.81
   2.0, reading                     1.147   1.316   1.965   3.738  13.589 747.796   6e+05    1.1426  double in 5.2    0.57
   With inputs 0, h stays 0, where tanh has slope 1. Reading, its slopes take their share: 1.1 vanishes, too, and 2.0 explodes.

2. Cells as PyTorch draws them, W_hh uniform in ±1/sqrt(H): their radius is about 1/sqrt(3) = 0.58
   cell                             k = 1   k = 2   k = 5  k = 10  k = 20  k = 50 k = 100  per step  steps            lost in float32
   RNN                              0.503   0.261   0.035   1e-03   1e-06   6e-15   2e-28    0.5359  halve in 1.1     from k = 25
   GRU                              0.528   0.292   0.061   5e-03   5e-05   4e-11   5e-21    0.6314  halve in 1.5     from k = 35
   LSTM, dL/dh                      0.142   0.074   0.014   1e-03   9e-06   6e-12   3e-22    0.6225  halve in 1.5     from k = 31
   LSTM, dL/dc                      0.521   0.291   0.061   5e-03   4e-05   3e-11   2e-21    0.6226  halve in 1.5     from k = 34
   LSTM, forget bias 1, dL/dh       0.129   0.092   0.043   0.016   3e-03   3e-05   2e-08    0.8587  halve in 4.6     from k = 92
   LSTM, forget bias 1, dL/dc       0.744   0.566   0.279   0.106   0.019   2e-04   1e-07    0.8589  halve in 4.6     -
   RNN, relu, W_hh = identity       0.976   0.967   0.945   0.921   0.891   0.758   0.620    0.9959  halve in 170.1   -
   R RNN,  G GRU,  L LSTM (dL/dc),  F LSTM with forget bias 1 (dL/dc),  I RNN with relu and identity,  X RNN of radius 2:
   norm 1e+06 |                                           XXXXXXXX
   norm 1e+04 |                           XXXXXXXXXXXXXXXX
   norm 1e+02 |         XXXXXXXXXXXXXXXXXX
   norm 1e+00 |RXGXFXIXIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIIII
   norm 1e-02 |  RLRLGFFFFFFFFFFFFF
   norm 1e-04 |      RLRLGL        FFFFFFFFFFFFFFF
   norm 1e-06 |         RRRGLGLG                  FFFFFFFFFFFFFFF
   norm 1e-08 |            RRRR LGLGL                            F
   norm 1e-10 |                RRRR  GLGLG
   norm 1e-12 |                    RRR    LGLGG
   norm 1e-14 |                       RRRR    LGLGLG
   norm 1e-16 |                           RRRR     LLGLGG
   norm 1e-18 |                               RRR       LGLGLG
   norm 1e-20 |                                  RRRR        LLGLG
              +|---------|---------|---------|---------|---------|
           k = 0         20        40        60        80        100

3. The forget gate is the LSTM's radius: along c, a step multiplies by f = σ(bias + ...), and the gates' use of h adds to it
   forget bias                      k = 1   k = 2   k = 5  k = 10  k = 20  k = 50 k = 100  per step  steps            σ(bias)
   0.0, dL/dc                       0.531   0.293   0.058   5e-03   5e-05   4e-11   4e-21    0.6297  halve in 1.5     0.5000
   1.0, dL/dc                       0.745   0.573   0.292   0.112   0.019   1e-04   2e-08    0.8402  halve in 4.0     0.7311
   2.0, dL/dc                       0.885   0.786   0.589   0.438   0.301   0.135   0.041    0.9757  halve in 28.1    0.8808
   3.0, dL/dc                       0.953   0.911   0.810   0.704   0.621   0.621   0.860    1.0045  double in 154.1  0.9526
   5.0, dL/dc                       0.993   0.987   0.970   0.951   0.953   1.172   2.162    1.0103  double in 67.4   0.9933

4. Exploding: the gradient of W_hh, RNN of radius 2.0, the loss being that of the last step read
    10 steps: norm 6.0e+02; after clip_grad_norm_(W_hh, 1.0): norm 1.000, cosine to before 1.000000
    20 steps: norm 2.6e+03; after clip_grad_norm_(W_hh, 1.0): norm 1.000, cosine to before 1.000000
    50 steps: norm 1.4e+05; after clip_grad_norm_(W_hh, 1.0): norm 1.000, cosine to before 1.000000
   100 steps: norm 4.3e+08; after clip_grad_norm_(W_hh, 1.0): norm 1.000, cosine to before 1.000000
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

import tinyrnn
from tinyrnn import devices, nn

# Sizes. float64, because what vanishes would be zero in float32.
K = 100  # how many steps back we look
WARM_UP = 50  # steps read before, so that the states are typical
N = 16  # rows: independent sequences; norms are their geometric means
D = 16  # numbers read at each step, standard normal
H = 64  # hidden units

EXPLODING = 2.0  # a radius large enough for it

SEED = 1
RELU = "RNN, relu, W_hh = identity"
SHOWN = (1, 2, 5, 10, 20, 50, 100)  # distances k in the tables
FITTED = 20  # the factor per step is that of the line through log norm from this distance on: the start differs
EXACT = 1e-9  # how far the logarithm of a hundred products may be off by rounding
LOST = 2.0**-24  # a gradient this much smaller than another is lost when the two are added in float32


class Flow(NamedTuple):
    """Norms of dL/dh_(T-k) for k = 0 ... K, as shares of the first: log10 of them (K + 1,). Of an LSTM's dL/dc, too."""

    h: np.ndarray
    c: Any = None


# -- measuring --


def flow(cell: Any, x: tinyrnn.Tensor) -> Flow:
    """What becomes of a gradient on its way back through a cell that has read x (T, N, D)."""
    cell.to(x.device)
    zeros = tinyrnn.zeros(x.shape[1], cell.hidden_size, dtype=tinyrnn.float64, device=x.device, requires_grad=True)
    state = (zeros, zeros) if cell.states == 2 else zeros
    steps = []
    for x_t in x:
        state = cell(x_t, state)
        steps.append(state if cell.states == 2 else (state,))
    h_T = steps[-1][0]
    # A loss hands its gradient to h_T in some direction; which one makes little difference further back.
    direction = tinyrnn.randn(*h_T.shape, dtype=tinyrnn.float64, generator=tinyrnn.Generator().manual_seed(0))
    loss = (h_T * direction.to(x.device)).sum()
    flows = []
    for states in zip(*reversed(steps[-K - 1 :])):  # h_T, h_(T-1), ...; then c_T, c_(T-1), ...
        grads = tinyrnn.grad(loss, states, retain_graph=True)
        log_norms = np.array([np.log10(np.linalg.norm(g.cpu().numpy(), axis=1)).mean() for g in grads])  # (K + 1,)
        flows.append(log_norms - log_norms[0])
    return Flow(*flows)


def per_step(log_norms: np.ndarray) -> float:
    """The factor by which norms (K + 1,) change at every step back."""
    return float(10 ** np.polyfit(np.arange(FITTED, K + 1), log_norms[FITTED:], 1)[0])


def rnn(radius: float) -> nn.RNNCell:
    """A tanh RNN without biases, whose W_hh is orthogonal, times ``radius``: all eigenvalues and singular values are that large."""
    cell = nn.RNNCell(D, H, bias=False, dtype=tinyrnn.float64)
    nn.init.orthogonal_(cell.weight_hh, radius)
    return cell


def identity_rnn() -> nn.RNNCell:
    """The RNN of Le, Jaitly and Hinton: relu, W_hh the identity, small input weights, no biases."""
    cell = nn.RNNCell(D, H, bias=False, nonlinearity="relu", dtype=tinyrnn.float64)
    nn.init.eye_(cell.weight_hh)
    nn.init.normal_(cell.weight_ih, 0.0, 0.001)
    return cell


def lstm(forget_bias: float | None) -> nn.LSTMCell:
    """An LSTM as PyTorch draws it, the bias of its forget gates set if one is given."""
    cell = nn.LSTMCell(D, H, dtype=tinyrnn.float64)
    return cell if forget_bias is None else nn.init.forget_bias_(cell, forget_bias)


# -- printing --


def heading(what: str, more: str) -> None:
    """The line above a table of norms."""
    print(f"   {what:<30}" + "".join(f"{f'k = {k}':>8}" for k in SHOWN) + f"  per step  steps            {more}")


def row(name: str, log_norms: np.ndarray, more: str) -> None:
    """One line of a table: norms at the distances SHOWN, the factor per step, and the steps to half or double the norm."""
    factor = per_step(log_norms)
    steps = math.log(2) / abs(math.log(factor)) if abs(factor - 1) > 1e-9 else math.inf
    pace = "keep" if steps == math.inf else f"{'halve' if factor < 1 else 'double'} in {steps:.1f}"
    norms = "".join(f"{f'{norm:.3f}' if 0.01 <= norm < 1000 else f'{norm:.0e}':>8}" for norm in 10.0 ** log_norms[list(SHOWN)])
    print(f"   {name:<30}{norms}{factor:10.4f}  {pace:<17}{more}")


def chart(curves: dict[str, np.ndarray], high: int = 6, low: int = -20) -> None:
    """A picture in letters: k to the right, norms upwards in steps of a hundredfold. Where curves meet, letters alternate."""
    for level in range(high, low - 1, -2):
        line = [" "] * (K // 2 + 1)
        for letter, log_norms in curves.items():
            for at, log_norm in enumerate(log_norms[::2]):
                if abs(log_norm - level) <= 1 and (line[at] == " " or at % 2):
                    line[at] = letter
        print(f"   norm 1e{level:+03d} |" + "".join(line).rstrip())
    print("   " + " " * 11 + "+" + "".join("|" if at % 10 == 0 else "-" for at in range(K // 2 + 1)))
    print("   " + " " * 8 + "k = " + "".join(f"{k:<10}" for k in range(0, K + 1, 20)).rstrip())


def save_plot(path: str, curves: dict[str, np.ndarray]) -> None:
    """The curves as a picture, in the format that the file's name ends in."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 5), layout="constrained")
    titles = {
        "RNN, radius": "1. tanh RNN, W_hh = radius x orthogonal",
        "": "2. cells as PyTorch draws them",
        "forget bias": "3. LSTM, dL/dc",
    }
    axes = dict(zip(titles, figure.subplots(1, 3, sharey=True)))
    for name, log_norms in curves.items():
        group = next((start for start in titles if start and name.startswith(start)), "")
        axes[group].semilogy(10.0**log_norms, label=name)
    for group, axis in axes.items():
        axis.set(title=titles[group], xlabel="k, steps back", ylim=(1e-20, 1e7))
        axis.axhline(LOST, color="grey", linestyle=":", label="rounding of float32")
        axis.legend(fontsize="small")
    axes["RNN, radius"].set_ylabel("norm of dL/dh (or dL/dc) k steps back, over the last step's")
    figure.savefig(path)


# -- the lesson --


def lost_from(log_norms: np.ndarray) -> str:
    """The first k whose norm is below the rounding of float32, beside that of k = 0."""
    below = np.flatnonzero(log_norms < math.log10(LOST))
    return f"from k = {below[0]}" if len(below) else "-"


def exploding(x: tinyrnn.Tensor) -> None:
    """Print the gradient of W_hh over more and more steps, before and after clipping."""
    cell = rnn(EXPLODING).to(x.device)
    for steps in (10, 20, 50, 100):
        h = tinyrnn.zeros(N, H, dtype=tinyrnn.float64, device=x.device)
        for x_t in x[-steps:]:
            h = cell(x_t, h)
        cell.zero_grad()
        h.sum().backward()
        before = cell.weight_hh.grad.cpu().numpy().copy()
        norm = nn.utils.clip_grad_norm_(cell.weight_hh, 1.0).item()
        after = cell.weight_hh.grad.cpu().numpy()
        length = np.linalg.norm(after)
        cosine = (before * after).sum() / np.linalg.norm(before) / length
        print(f"   {steps:3d} steps: norm {norm:.1e}; after clip_grad_norm_(W_hh, 1.0): norm {length:.3f}, cosine to before {cosine:.6f}")


def run(seed: int, device: Any = "cpu") -> dict[str, np.ndarray]:
    """Everything, printed; returns the factors per step that ``--verify`` looks at, and the curves for a picture.

    Raises:
        AssertionError: a fact that is exact does not hold.
    """
    tinyrnn.manual_seed(seed)
    x = tinyrnn.randn(WARM_UP + K, N, D, dtype=tinyrnn.float64, device=device)  # (T, N, D)
    curves: dict[str, np.ndarray] = {}

    print(f"Norm of dL/dh_(T-k) over the norm of dL/dh_T: {N} rows, H = {H}; T = {len(x)} steps of {D} standard normal numbers")

    print("\n1. RNN, h' = tanh(W_ih x + W_hh h) with W_hh = radius times an orthogonal matrix: a step can gain at most the radius")
    heading("radius", "per step / radius")
    for radius in (0.9, 1.0, 1.1):
        f = flow(rnn(radius), tinyrnn.zeros_like(x)).h
        row(f"{radius}, all inputs 0: radius^k", f, f"{per_step(f) / radius:.2f}")
        off = float(np.abs(f - np.arange(K + 1) * math.log10(radius)).max())
        if not off < EXACT:
            raise AssertionError(f"with inputs 0 the norm must be {radius}^k, but its log10 is off by {off:.1e}")
    for radius in (0.9, 1.0, 1.1, EXPLODING):
        f = curves[f"RNN, radius {radius}"] = flow(rnn(radius), x).h
        row(f"{radius}, reading", f, f"{per_step(f) / radius:.2f}")
        gained = float(np.diff(f).max()) - math.log10(radius)
        if not gained < EXACT:
            raise AssertionError(f"no step can gain more than the radius {radius}, but log10 of the norm grew by {gained:.1e} more")
    print("   With inputs 0, h stays 0, where tanh has slope 1. Reading, its slopes take their share: 1.1 vanishes, too, and 2.0 explodes.")

    print("\n2. Cells as PyTorch draws them, W_hh uniform in ±1/sqrt(H): their radius is about 1/sqrt(3) = 0.58")
    heading("cell", "lost in float32")
    cells = {
        "RNN": flow(nn.RNNCell(D, H, dtype=tinyrnn.float64), x).h,
        "GRU": flow(nn.GRUCell(D, H, dtype=tinyrnn.float64), x).h,
        **dict(zip(("LSTM, dL/dh", "LSTM, dL/dc"), flow(lstm(None), x))),
        **dict(zip(("LSTM, forget bias 1, dL/dh", "LSTM, forget bias 1, dL/dc"), flow(lstm(1.0), x))),
        RELU: flow(identity_rnn(), x).h,
    }
    for name, f in cells.items():
        row(name, f, lost_from(f))
    curves |= cells
    print("   R RNN,  G GRU,  L LSTM (dL/dc),  F LSTM with forget bias 1 (dL/dc),  I RNN with relu and identity,  X RNN of radius 2:")
    lettered = dict(zip("RGLFI", (cells[name] for name in ("RNN", "GRU", "LSTM, dL/dc", "LSTM, forget bias 1, dL/dc", RELU))))
    chart(lettered | {"X": curves[f"RNN, radius {EXPLODING}"]})

    print("\n3. The forget gate is the LSTM's radius: along c, a step multiplies by f = σ(bias + ...), and the gates' use of h adds to it")
    heading("forget bias", "σ(bias)")
    for bias in (0.0, 1.0, 2.0, 3.0, 5.0):
        f = curves[f"forget bias {bias}"] = flow(lstm(bias), x).c
        row(f"{bias}, dL/dc", f, f"{1 / (1 + math.exp(-bias)):.4f}")

    print(f"\n4. Exploding: the gradient of W_hh, RNN of radius {EXPLODING}, the loss being that of the last step read")
    exploding(x)
    return curves


# -- the command --

# The factor per step. What seeds 1, 2 and 3 gave stands beside; seeds 4 and 5 are inside, too.
BANDS = {
    "RNN, radius 0.9": (0.77, 0.79),  # 0.7776, 0.7774, 0.7805
    "RNN, radius 1.0": (0.83, 0.85),  # 0.8445, 0.8385, 0.8395
    "RNN, radius 1.1": (0.885, 0.9),  # 0.8922, 0.8918, 0.8944
    "RNN, radius 2.0": (1.12, 1.16),  # 1.1426, 1.1428, 1.1363
    "RNN": (0.49, 0.65),  # 0.5359, 0.5604, 0.5215
    "GRU": (0.61, 0.66),  # 0.6314, 0.6450, 0.6432
    "LSTM, dL/dh": (0.61, 0.66),  # 0.6225, 0.6242, 0.6358
    "LSTM, dL/dc": (0.61, 0.66),  # 0.6226, 0.6242, 0.6353
    "LSTM, forget bias 1, dL/dh": (0.82, 0.87),  # 0.8587, 0.8437, 0.8302
    "LSTM, forget bias 1, dL/dc": (0.82, 0.87),  # 0.8589, 0.8443, 0.8306
    "RNN, relu, W_hh = identity": (0.99, 1.0),  # 0.9959, 0.9962, 0.9948
    "forget bias 0.0": (0.6, 0.66),  # 0.6297, 0.6201, 0.6394
    "forget bias 2.0": (0.955, 0.99),  # 0.9757, 0.9794, 0.9684
    "forget bias 5.0": (1.005, 1.02),  # 1.0103, 1.0130, 1.0101
}


def verify(curves: dict[str, np.ndarray]) -> bool:
    """Compare the factors per step with the bands; says so."""
    ok = True
    for name, (low, high) in BANDS.items():
        factor = per_step(curves[name])
        inside = low <= factor <= high
        ok = ok and inside
        print(f"verify: {'ok' if inside else 'FAILED'} {name}: per step {factor:.4f} in [{low}, {high}]")
    return ok


def main(argv: Sequence[str] | None = None) -> int:
    """Run it; returns the exit code: 0 done, 1 an error, or a fact does not hold, 130 interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="where to compute: cpu, cuda, cuda:1; auto: a GPU, if one works")
    parser.add_argument("--seed", type=int, default=SEED, help="of weights and inputs")
    parser.add_argument("--smoke", action="store_true", help="nothing to shorten here: the whole takes a second")
    parser.add_argument("--verify", action="store_true", help="compare with stored bands; exit code 1 outside of them")
    parser.add_argument("--plot", metavar="FILE", help="save the curves as a picture; needs matplotlib")
    args = parser.parse_args(argv)
    if args.plot and importlib.util.find_spec("matplotlib") is None:
        print("gradient_flow: error: --plot needs matplotlib: pip install tinyrnn[plot]", file=sys.stderr)
        return 1
    try:
        curves = run(args.seed, devices.choose(args.device))
        if args.plot:
            save_plot(args.plot, curves)
            print(f"\nsaved: {args.plot}")
        return 0 if not args.verify or verify(curves) else 1
    except (AssertionError, OSError, ValueError, devices.DeviceError) as error:
        print(f"gradient_flow: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
