"""The gates of one GRU step, forward and backward. All arrays are (N, H) unless they say otherwise."""

from __future__ import annotations

from ..backend import Array, xp_of


def reset_update(ax: Array, ah: Array, rz: Array, s: Array) -> None:
    """Fill ``rz`` (2, N, H) with the gates from what input and state contribute, both (N, 2H). ``s`` (N, 2H) is scratch."""
    xp = xp_of(rz)
    _, N, H = rz.shape
    xp.add(ax, ah, out=s)
    xp.negative(s, out=s)
    xp.exp(s, out=s)
    xp.add(s, 1, out=s)
    xp.reciprocal(s.reshape(N, 2, H).swapaxes(0, 1), out=rz)  # from rows to a block for each gate


def candidate(ax: Array, ah: Array, n: Array, z: Array, h_prev: Array, h: Array) -> None:
    """Fill ``n = tanh(ax + ah)`` and ``h = n + z * (h_prev - n)``."""
    xp = xp_of(n)
    xp.add(ax, ah, out=n)
    xp.tanh(n, out=n)
    xp.subtract(h_prev, n, out=h)
    xp.multiply(h, z, out=h)
    xp.add(h, n, out=h)


def backward_update(dh: Array, rz: Array, n: Array, h_prev: Array, dz: Array, dn: Array, s: Array) -> None:
    """Fill ``dz`` and ``dn``, the gradients before the nonlinearities; leaves in ``dh`` what h_prev gets directly."""
    xp = xp_of(dh)
    z = rz[1]
    # dz = dh * (h_prev - n) * z * (1 - z)
    xp.subtract(h_prev, n, out=s)
    xp.multiply(s, dh, out=s)
    xp.multiply(s, z, out=s)
    xp.subtract(1, z, out=dz)
    xp.multiply(s, dz, out=dz)
    # dn = dh * (1 - z) * (1 - n²), and dh * z goes straight to the step before
    xp.multiply(dh, z, out=s)
    xp.subtract(dh, s, out=dn)
    dh[...] = s
    xp.multiply(n, n, out=s)
    xp.subtract(1, s, out=s)
    xp.multiply(dn, s, out=dn)


def backward_reset(d: Array, r: Array, dr: Array, s: Array) -> None:
    """``dr = d * r * (1 - r)`` for ``d``, the gradient of r itself."""
    xp = xp_of(d)
    xp.subtract(1, r, out=s)
    xp.multiply(s, r, out=s)
    xp.multiply(d, s, out=dr)
