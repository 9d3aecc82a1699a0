"""The backward passes written out by hand are right, and the script says so when they are not."""

import types
from pathlib import Path

import pytest

from examples import bptt_by_hand

SOURCE = Path(bptt_by_hand.__file__).read_text(encoding="utf-8")


def planted(old, new, count=1):
    """The script with a mistake: its ``count`` occurrences of ``old`` replaced, as a module."""
    assert SOURCE.count(old) == count, f"the script has changed: {SOURCE.count(old)} times {old!r}"
    module = types.ModuleType("planted")
    exec(compile(SOURCE.replace(old, new), "planted", "exec"), vars(module))
    return module


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_verifies(seed, capsys):
    assert bptt_by_hand.main(["--verify", "--seed", str(seed)]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("verify:")]
    assert len(lines) == len(bptt_by_hand.BANDS) and all(line.startswith("verify: ok ") for line in lines)


def test_prints_the_three_uses_of_one_weight(capsys):
    assert bptt_by_hand.main(["--smoke"]) == 0
    printed = capsys.readouterr().out
    assert "in x3: 0.036, in x2: 0.036, in x1: 0.036; their sum 0.108; autograd: 0.108" in printed
    assert "100.00" in next(line for line in printed.splitlines() if "sum of the column  " in line)


MISTAKES = {
    "no gradient from later steps": ('dh = dz @ w["W_o"] + dh_later  #           (N, H)', 'dh = dz @ w["W_o"]  #'),
    "slope of tanh": ("da = dh * (1 - h[t] ** 2)", "da = dh * (1 - h[t]) ** 2"),
    "state of the wrong step": ('d["W_hh"] += da.T @ h[t - 1]  #', 'd["W_hh"] += da.T @ h[t]  #'),
    "the last step only": ('d["W_ih"] += da.T @ x[t]  #', 'd["W_ih"] = da.T @ x[t]  #'),
    "transposed weight": ('dh_later = da @ w["W_hh"]  #               (N, H)', 'dh_later = da @ w["W_hh"].T  #'),
    "sum instead of mean": ("classes]).sum() / (T * N), p", "classes]).sum(), p"),
    "softmax alone": ("dz = (p[t] - np.eye(C)[y[t]]) / (T * N)  # (N, C)", "dz = p[t] / (T * N)  #"),
    "lstm: no gradient from later cells": ("dc = dh * o * (1 - np.tanh(c[t]) ** 2) + dc_later", "dc = dh * o * (1 - np.tanh(c[t]) ** 2)"),
    "lstm: no gradient from later states": ('dh = dz @ w["W_o"] + dh_later\n', 'dh = dz @ w["W_o"]\n'),
    "lstm: cell of the wrong step": ("dc * c[t - 1]", "dc * c[t]"),
    "lstm: input instead of forget gate": ("dc_later = dc * f", "dc_later = dc * i"),
    "lstm: gates in another order": ("a_i, a_f, a_g, a_o = np.split", "a_f, a_i, a_g, a_o = np.split"),
    "lstm: slope of the sigmoid": ("do * o * (1 - o)", "do * o"),
    "parts: loss and use swapped": ("parts[t, s] = da.T", "parts[s, t] = da.T"),
    "parts: all losses": ("for s in reversed(range(t + 1)):", "for s in reversed(range(t)):"),
    "detach that does not cut": ("h, c = lm.detach((h, c))", "pass"),
    "differences that go one way": ("- moved(loss, inputs, name, at, -EPSILON)) / (2 * EPSILON)", "- loss(inputs)) / EPSILON"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake, capsys):
    assert planted(*MISTAKES[mistake]).main([]) == 1
    assert "expected a difference of at most" in capsys.readouterr().err


def test_a_number_outside_its_band_fails(monkeypatch, capsys):
    facts = {name: low for name, (low, _) in bptt_by_hand.BANDS.items()}
    assert bptt_by_hand.verify(facts)
    facts["cosine, detached before every step"] = 1.0  # as if nothing had been cut
    monkeypatch.setattr(bptt_by_hand, "run", lambda seed, device: facts)
    assert bptt_by_hand.main(["--verify"]) == 1 and bptt_by_hand.main([]) == 0
    assert capsys.readouterr().out.count("FAILED") == 1


def test_ctrl_c(monkeypatch):
    def interrupted(seed, device):
        raise KeyboardInterrupt

    monkeypatch.setattr(bptt_by_hand, "run", interrupted)
    assert bptt_by_hand.main([]) == 130
