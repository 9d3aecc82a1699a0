"""What PyTorch computes, for machines without it. ``python tests/optim/golden.py`` rewrites ``golden.json``.

The functions take the library, ``torch`` or ``tinyrnn``, as an argument: the same text runs on both.
"""

import json
from pathlib import Path

import numpy as np

STEPS = 50

OPTIMIZERS = {
    "sgd": ("SGD", {"lr": 0.1}),
    "momentum": ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.1}),
    "nesterov": ("SGD", {"lr": 0.05, "momentum": 0.8, "nesterov": True}),
    "ascent": ("SGD", {"lr": 0.02, "momentum": 0.5, "maximize": True}),
    "adam": ("Adam", {"lr": 0.05}),
    "adam L2": ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    "amsgrad": ("Adam", {"lr": 0.1, "betas": (0.5, 0.6), "amsgrad": True}),
    "adamw": ("AdamW", {"lr": 0.05, "weight_decay": 0.3}),
    "rmsprop": ("RMSprop", {"lr": 0.02, "alpha": 0.9}),
    "rmsprop centered": ("RMSprop", {"lr": 0.01, "alpha": 0.8, "momentum": 0.7, "centered": True, "weight_decay": 0.1, "eps": 1e-3}),
    "adagrad": ("Adagrad", {"lr": 0.3}),
    "adagrad decay": ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1, "initial_accumulator_value": 0.5}),
    "asgd": ("ASGD", {"lr": 0.1, "lambd": 0.05, "alpha": 0.6, "t0": 10, "weight_decay": 0.1}),
    "adamax": ("Adamax", {"lr": 0.05, "weight_decay": 0.1}),
    "adadelta": ("Adadelta", {"lr": 0.5, "eps": 1e-3}),
    "nadam": ("NAdam", {"lr": 0.05, "weight_decay": 0.1}),
    "radam": ("RAdam", {"lr": 0.1, "betas": (0.8, 0.9)}),
    "rprop": ("Rprop", {"lr": 0.05}),
}

SCHEDULERS = {
    "step": ("StepLR", {"step_size": 7, "gamma": 0.5}),
    "milestones": ("MultiStepLR", {"milestones": [5, 20, 20, 33], "gamma": 0.3}),
    "exponential": ("ExponentialLR", {"gamma": 0.95}),
    "lambda": ("LambdaLR", {"lr_lambda": lambda t: 1 / (1 + t)}),
    "cosine": ("CosineAnnealingLR", {"T_max": 15, "eta_min": 0.01}),
    "restarts": ("CosineAnnealingWarmRestarts", {"T_0": 6, "T_mult": 2}),
    "plateau": ("ReduceLROnPlateau", {"factor": 0.5, "patience": 3, "cooldown": 2, "min_lr": 0.02}),
    "one cycle": ("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS}),
    "three phases": ("OneCycleLR", {"max_lr": 0.5, "total_steps": STEPS, "three_phase": True, "anneal_strategy": "linear"}),
}


def starts():
    """Where the parameters begin, two arrays of different ranks."""
    return [np.linspace(-3, 3, 6).reshape(2, 3), np.array([0.3, 2.5, -1.2, 0.9])]


def loss(params):
    """A bowl with waves: second derivatives from -3.5 to 4.5, and several minima."""
    return sum((w * w / 4 + (2 * w).sin()).sum() for w in params)


def parameters(lib, arrays):
    """Leaves that require grad."""
    return [lib.tensor(a, requires_grad=True) for a in arrays]


def descend(optimizer, params, steps=STEPS):
    """Yield the values of ``params`` after each step; the last of several gets no gradient before the fourth."""
    for t in range(steps):
        optimizer.zero_grad()
        loss(params[: -1 if t < 3 else None] or params).backward()
        optimizer.step()
        yield [w.detach().numpy().copy() for w in params]


def rates(optimizer, scheduler, steps=STEPS):
    """Yield the rate and momentum of each group after each step of the scheduler, from before the first."""
    for t in range(steps):
        yield [(group["lr"], group.get("momentum"), group.get("betas")) for group in optimizer.param_groups]
        optimizer.step()
        scheduler.step(*[np.cos(t) / (1 + t)] if type(scheduler).__name__ == "ReduceLROnPlateau" else [])


def run_optimizer(lib, name, options):
    """The parameters after ``STEPS`` steps."""
    params = parameters(lib, starts())
    *_, last = descend(getattr(lib.optim, name)(params, **options), params)
    return [w.tolist() for w in last]


def run_scheduler(lib, name, options):
    """The rate and the momentum at each step."""
    optimizer = lib.optim.SGD(parameters(lib, starts()), lr=0.4, momentum=0.9)
    scheduler = getattr(lib.optim.lr_scheduler, name)(optimizer, **options)
    return [groups[0][:2] for groups in rates(optimizer, scheduler)]


def results(lib):
    """Everything that ``golden.json`` holds."""
    return {
        "optimizers": {label: run_optimizer(lib, *case) for label, case in OPTIMIZERS.items()},
        "schedulers": {label: run_scheduler(lib, *case) for label, case in SCHEDULERS.items()},
    }


if __name__ == "__main__":
    import torch

    Path(__file__).with_suffix(".json").write_text(json.dumps({"torch": torch.__version__, **results(torch)}) + "\n")
