"""Every optimiser that takes a step without a closure, in settings that use all of its formula: a class and its keywords."""

from __future__ import annotations

from microgradient import optim

OF_ENTRIES = [
    (optim.SGD, {"lr": 0.05}),
    (optim.SGD, {"lr": 0.05, "momentum": 0.9}),
    (optim.SGD, {"lr": 0.05, "momentum": 0.9, "dampening": 0.25, "maximize": True}),
    (optim.SGD, {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (optim.Adam, {"lr": 0.05, "weight_decay": 0.01}),
    (optim.Adam, {"lr": 0.05, "amsgrad": True, "maximize": True}),
    (optim.AdamW, {"lr": 0.05}),
    (optim.Adadelta, {"lr": 5.0}),
    (optim.Adagrad, {"lr": 1.0, "lr_decay": 0.01}),
    (optim.Adamax, {"lr": 0.05}),
    (optim.ASGD, {"lr": 0.05, "t0": 3}),
    (optim.NAdam, {"lr": 0.05}),
    (optim.RAdam, {"lr": 0.05}),
    (optim.RMSprop, {"lr": 0.003, "momentum": 0.9, "centered": True}),
    (optim.Rprop, {}),
    (optim.Adafactor, {"lr": 0.05}),
    (optim.SparseAdam, {"lr": 0.05}),
    (optim.Lion, {"lr": 0.01, "betas": (0.5, 0.5), "weight_decay": 0.1}),
    (optim.LAMB, {"lr": 0.015}),
    (optim.AdamWScheduleFree, {"lr": 0.1, "warmup_steps": 2}),
]
"""The terms of their update can be told one by one."""
OF_ARRAYS = [(optim.Shampoo, {"lr": 0.5}), (optim.SOAP, {"lr": 0.05})]
"""They decompose what they have seen of a whole array."""
OF_MATRICES = [(optim.Muon, {"lr": 0.05})]
"""They take matrices alone."""
