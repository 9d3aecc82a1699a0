"""Slopes of gradient norms: measured, inside their bands, and outside when a cell is not what it says."""

import numpy as np
import pytest

import tinyrnn
from examples import gradient_flow
from tinyrnn import nn

STEPS = np.arange(gradient_flow.K + 1)


@pytest.mark.parametrize("seed", [1, 2])
def test_verifies(seed, capsys):
    assert gradient_flow.main(["--verify", "--seed", str(seed)]) == 0
    printed = capsys.readouterr().out
    assert printed.count("verify: ok ") == len(gradient_flow.BANDS) and "FAILED" not in printed


def test_flow_is_the_product_of_the_jacobians():
    cell, x = gradient_flow.rnn(1.1), tinyrnn.randn(gradient_flow.K + 2, 3, gradient_flow.D, dtype=tinyrnn.float64)
    w_ih, w_hh = (p.detach().numpy() for p in cell.parameters())
    h, slopes = np.zeros((3, gradient_flow.H)), []
    for x_t in x.numpy():
        h = np.tanh(x_t @ w_ih.T + h @ w_hh.T)
        slopes.append(1 - h**2)
    g = tinyrnn.randn(3, gradient_flow.H, dtype=tinyrnn.float64, generator=tinyrnn.Generator().manual_seed(0)).numpy()
    norms = [np.linalg.norm(g, axis=1)]
    for slope in reversed(slopes[2:]):
        g = (g * slope) @ w_hh
        norms.append(np.linalg.norm(g, axis=1))
    expected = np.log10(norms / norms[0]).mean(axis=1)
    np.testing.assert_allclose(gradient_flow.flow(cell, x).h, expected, rtol=0, atol=1e-12)


def test_per_step_of_a_straight_line_and_where_float32_loses_it():
    assert gradient_flow.per_step(STEPS * np.log10(0.5)) == pytest.approx(0.5, rel=1e-12)
    assert gradient_flow.lost_from(STEPS * np.log10(0.5)) == "from k = 25"  # 2**-24 is the rounding
    assert gradient_flow.lost_from(STEPS * 0.0) == "-"


def test_chart(capsys):
    gradient_flow.chart({"A": STEPS * 0.0, "B": STEPS * -0.1, "C": STEPS * -0.1}, high=2, low=-4)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:4] == [
        "   norm 1e+02 |",
        "   norm 1e+00 |ACACAC" + 45 * "A",
        "   norm 1e-02 |     CBCBCBCBCBC",
        "   norm 1e-04 |               CBCBCBCBCBC",
    ]
    assert lines[4].index("|") == lines[5].index("0") == lines[1].index("A")


def verify_after(monkeypatch, capsys, name, replacement):
    monkeypatch.setattr(nn.init, name, replacement)
    code = gradient_flow.main(["--verify"])
    captured = capsys.readouterr()
    return code, [line.split(":")[1] for line in captured.out.splitlines() if "FAILED" in line], captured.err


def test_fails_without_forget_bias(monkeypatch, capsys):
    code, failed, _ = verify_after(monkeypatch, capsys, "forget_bias_", lambda lstm, value: lstm)
    assert code == 1 and len(failed) == 4


def test_fails_when_the_radius_is_another(monkeypatch, capsys):
    orthogonal = nn.init.orthogonal_
    code, _, said = verify_after(monkeypatch, capsys, "orthogonal_", lambda w, radius: orthogonal(w, 1.01 * radius))
    assert code == 1 and "the norm must be 0.9^k" in said


def test_picture(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib: pip install tinyrnn[plot]")
    curves = dict.fromkeys([*gradient_flow.BANDS, "RNN, radius 1.5"], STEPS * -0.1)
    monkeypatch.setattr(gradient_flow, "run", lambda seed, device: curves)
    path = tmp_path / "flow.svg"
    assert gradient_flow.main(["--plot", str(path)]) == 0
    assert path.stat().st_size > 10_000 and f"saved: {path}" in capsys.readouterr().out
    assert gradient_flow.main(["--plot", str(tmp_path / "flow.nonsense")]) == 1
    assert "nonsense" in capsys.readouterr().err


def test_picture_without_matplotlib(monkeypatch, capsys):
    find_spec = gradient_flow.importlib.util.find_spec
    monkeypatch.setattr(gradient_flow.importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find_spec(name))
    assert gradient_flow.main(["--plot", "flow.png"]) == 1
    captured = capsys.readouterr()
    assert "pip install tinyrnn[plot]" in captured.err and captured.out == ""  # at once, not after the work


def test_ctrl_c(monkeypatch):
    def interrupted(seed, device):
        raise KeyboardInterrupt

    monkeypatch.setattr(gradient_flow, "run", interrupted)
    assert gradient_flow.main([]) == 130
