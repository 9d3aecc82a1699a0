"""Write ``golden.json``: one case of each operation of the table, with PyTorch's values and gradients.

Run it where PyTorch is installed, after changing the table::

    python -m tests.ops.golden
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from .table import OPS, Case, Draw, torch_library

FILE = Path(__file__).with_name("golden.json")


def case_of(name: str) -> Case:
    """The fixed case of a name, the same on every machine."""
    return OPS[name](Draw.seeded(name))


def results(case: Case, library: Any, tensors: list) -> dict[str, Any]:
    """Values of the outputs, and gradients of the sum of their squares, as nested lists."""
    out = case.call(library, *tensors)
    outs = out if isinstance(out, (tuple, list)) else (out,)
    total = sum((o * o).sum() for o in outs if o.requires_grad)
    if case.differentiable and not isinstance(total, int):
        total.backward()
    return {
        "values": [o.detach().numpy().tolist() for o in outs],
        "dtypes": [str(o.dtype).split(".")[1] for o in outs],
        "gradients": [None if x.grad is None else x.grad.numpy().tolist() for x in tensors],
    }


def main() -> None:
    import torch

    library = torch_library()
    written = {}
    for name in OPS:
        case = case_of(name)
        tensors = [torch.tensor(a, requires_grad=True) for a in case.arrays]
        written[name] = {"arrays": [np.asarray(a).tolist() for a in case.arrays], **results(case, library, tensors)}
    FILE.write_text("{\n" + ",\n".join(f'"{k}": {json.dumps(v)}' for k, v in written.items()) + "\n}\n")


if __name__ == "__main__":
    main()
