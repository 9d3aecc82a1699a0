"""L-BFGS: Newton's method with a curvature that is learnt from the last steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import nan, sqrt
from typing import Any, NamedTuple

from ..backend import Array, quiet, xp_of
from ..engine import enable_grad, wrap
from ..tensor import Tensor
from .equations import non_negative, rate
from .optimizer import Optimizer


class LBFGS(Optimizer):
    r"""Newton's direction from the last steps and the changes of the gradient over them. For whole data sets, not batches.

    Of ``history_size`` steps ``s`` with changes ``y`` of the gradient, the two-loop recursion makes ``d``, about minus
    the gradient times the inverse of the second derivatives::

        q = -g
        newest first:  a = s·q / y·s;  q = q - a * y
        d = q * (y·s / y·y)                              of the newest
        oldest first:  d = d + s * (a - y·d / y·s)
        x = x + t * d

    ``t`` is ``lr``, in the very first step ``lr * min(1, 1 / sum |g|)``; with ``line_search_fn="strong_wolfe"`` it is
    searched, from there, such that the loss falls and its slope flattens enough. ``torch.optim.LBFGS``; Nocedal & Wright,
    "Numerical Optimization", 2006, algorithms 7.4, 3.5 and 3.6.

    Every evaluation needs the loss anew, so :meth:`step` takes a closure that computes it and its gradients::

        def closure():
            optimizer.zero_grad()
            loss = loss_function(model(inputs), targets)
            loss.backward()
            return loss
        optimizer.step(closure)

    Args:
        params: tensors, or ``(name, tensor)`` pairs; one group only.
        lr: the learning rate; 1 is Newton's step.
        max_iter: how many iterations a step has at most.
        max_eval: how many evaluations a step has at most, or one more; ``max_iter * 5 // 4`` unless given.
        tolerance_grad: end where no element of the gradient is larger.
        tolerance_change: end where no parameter, or the loss, changes by more.
        history_size: how many steps to remember, each as large as the parameters twice.
        line_search_fn: ``"strong_wolfe"`` or ``None``.

    State, of the first parameter, since all are one vector here: ``func_evals`` and ``n_iter``, and what the recursion
    remembers, under PyTorch's names.

    >>> import tinyrnn
    >>> from tinyrnn import optim
    >>> w = tinyrnn.tensor([-1.5, 2.], requires_grad=True)  # Rosenbrock's valley, with its minimum at (1, 1)
    >>> lbfgs = optim.LBFGS([w], max_iter=100, line_search_fn="strong_wolfe")
    >>> def closure():
    ...     lbfgs.zero_grad()
    ...     loss = (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> print(f"{lbfgs.step(closure):.2f}, then {closure():.4f}")
    12.50, then 0.0000

    Raises:
        ValueError: a negative ``lr``, or several groups.
        RuntimeError: another ``line_search_fn``, when it is first needed.
    """

    def __init__(
        self,
        params: Iterable,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        non_negative(lr=lr)
        options = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, options)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Up to ``max_iter`` iterations; returns the loss before the first."""
        with quiet():
            return self._iterate(closure)

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        params = group["params"]
        state = self.state[params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)

        def evaluate() -> tuple[float, Array, Any]:
            with enable_grad():
                loss = closure()
            state["func_evals"] += 1
            return float(loss), _flat([None if p.grad is None else p.grad.array for p in params], params), loss

        def along(d: Array) -> Callable[[float], Trial]:
            starts = [p.array.copy() for p in params]

            def trial(t: float) -> Trial:
                _move(params, t, d)
                f, g, _ = evaluate()
                for p, start in zip(params, starts):
                    p.array[...] = start
                return Trial(t, f, g, float(g @ d))

            return trial

        loss, g, first_loss = evaluate()
        evaluations = 1
        if _largest(g) <= group["tolerance_grad"]:
            return first_loss
        lr = rate(group)
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            d = self._direction(state, g, group["history_size"])
            state["prev_flat_grad"], state["prev_loss"] = wrap(g), loss
            t = min(1.0, 1.0 / float(abs(g).sum())) * lr if state["n_iter"] == 1 else lr
            state["d"], state["t"] = wrap(d), t
            slope = float(g @ d)
            if slope > -group["tolerance_change"]:
                break
            last = iteration == group["max_iter"]
            if group["line_search_fn"] is None:
                _move(params, t, d)
                before = loss
                if not last:  # nobody would look at the loss after the last
                    loss, g, _ = evaluate()
                    evaluations += 1
            elif group["line_search_fn"] == "strong_wolfe":
                before, counted = loss, state["func_evals"]
                found = strong_wolfe(along(d), Trial(0.0, loss, g, slope), t, _largest(d), group["max_eval"] - evaluations)
                t, loss, g, _ = found
                state["t"] = t
                evaluations += state["func_evals"] - counted
                _move(params, t, d)
            else:
                raise RuntimeError("only 'strong_wolfe' is supported")
            small = _largest(g) <= group["tolerance_grad"] or _largest(d) * abs(t) <= group["tolerance_change"]
            if last or evaluations >= group["max_eval"] or small or abs(loss - before) < group["tolerance_change"]:
                break
        return first_loss

    @staticmethod
    def _direction(state: dict[str, Any], g: Array, history_size: int) -> Array:
        """The two-loop recursion; takes the last step into the history first."""
        if state["n_iter"] == 1:
            state.update(old_dirs=[], old_stps=[], ro=[], H_diag=1)
            return -g
        changes, steps, ro = state["old_dirs"], state["old_stps"], state["ro"]
        y = g - state["prev_flat_grad"].array
        s = state["d"].array * float(state["t"])
        product = float(y @ s)
        if product > 1e-10:
            if len(changes) == history_size:
                for remembered in (changes, steps, ro):
                    remembered.pop(0)
            changes.append(wrap(y))
            steps.append(wrap(s))
            ro.append(1.0 / product)
            state["H_diag"] = product / float(y @ y)
        pairs = [(y.array, s.array, float(r)) for y, s, r in zip(changes, steps, ro)]
        d = -g
        al = []
        for y, s, r in reversed(pairs):
            al.append(float(s @ d) * r)
            d -= al[-1] * y
        d *= float(state["H_diag"])
        for (y, s, r), a in zip(pairs, reversed(al)):
            d += (a - float(y @ d) * r) * s
        return d


def _flat(grads: list[Array | None], params: list[Tensor]) -> Array:
    """The gradients as one vector; zeros where there is none."""
    xp = xp_of(params[0].array)
    return xp.concatenate([(xp.zeros_like(p.array) if g is None else g).reshape(-1) for p, g in zip(params, grads)])


def _move(params: list[Tensor], t: float, d: Array) -> None:
    """``x = x + t * d`` for the vector of all parameters."""
    begin = 0
    for p in params:
        p.array += t * d[begin : begin + p.array.size].reshape(p.array.shape)
        p.version[0] += 1
        begin += p.array.size


def _largest(x: Array) -> float:
    return float(abs(x).max())


class Trial(NamedTuple):
    """A step length that was tried: the loss there, its gradient, and the slope along the direction."""

    t: float
    f: float
    g: Array
    slope: float


def strong_wolfe(
    trial: Callable[[float], Trial],
    start: Trial,
    t: float,
    longest: float,
    max_trials: int,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
) -> Trial:
    """A step that lowers the loss by ``c1`` of what the slope promises, and flattens the slope to ``c2`` of it.

    First the steps grow until such a one, or an interval that must hold one; then the interval shrinks. Where to try next is
    the minimum of a cubic through two trials and their slopes.

    Args:
        trial: evaluates a step length.
        start: the trial at 0.
        t: what to try first.
        longest: the largest element of the direction, by which ``tolerance_change`` is measured.
        max_trials: how often to try again, at most.
    """

    def too_high(one: Trial) -> bool:
        return one.f > start.f + c1 * one.t * start.slope

    def flat(one: Trial) -> bool:
        return abs(one.slope) <= -c2 * start.slope

    last, now, count = start, trial(t), 0
    while count < max_trials:
        if too_high(now) or (count > 1 and now.f >= last.f):
            break
        if flat(now):
            return now
        if now.slope >= 0:
            break
        t = cubic_minimum(last, now, (now.t + 0.01 * (now.t - last.t), now.t * 10))
        last, now, count = now, trial(t), count + 1
    else:
        last = start
    # From here on the interval between `low`, the best trial so far, and `high`.
    ends = [last, now]
    k = 0 if last.f <= now.f else 1
    stuck = False
    while count < max_trials and not abs(ends[1].t - ends[0].t) * longest < tolerance_change:
        left, right = sorted((ends[0].t, ends[1].t))
        t = cubic_minimum(ends[0], ends[1], (left, right))
        margin = 0.1 * (right - left)
        near_an_end = min(right - t, t - left) < margin
        if near_an_end and (stuck or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            stuck = False
        else:
            stuck = near_an_end
        now, count = trial(t), count + 1
        if too_high(now) or now.f >= ends[k].f:
            ends[1 - k] = now
            k = 0 if ends[0].f <= ends[1].f else 1
            continue
        if flat(now):
            return now
        if now.slope * (ends[1 - k].t - ends[k].t) >= 0:
            ends[1 - k] = ends[k]
        ends[k] = now
    return ends[k]


def cubic_minimum(a: Trial, b: Trial, bounds: tuple[float, float]) -> float:
    """Where the cubic with these values and slopes has its minimum, within ``bounds``; their middle, if it has none."""
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1**2 - a.slope * b.slope
    if not square >= 0:
        return (bounds[0] + bounds[1]) / 2
    if a.t > b.t:
        a, b = b, a
    d2 = sqrt(square)
    divisor = b.slope - a.slope + 2 * d2
    at = b.t - (b.t - a.t) * (b.slope + d2 - d1) / divisor if divisor != 0 else nan
    return min(max(at, bounds[0]), bounds[1])
