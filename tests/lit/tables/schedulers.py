"""Writes schedulers.inc: the learning rates that Python's schedulers give, step by step.

    python3 tests/lit/tables/schedulers.py > tests/lit/tables/schedulers.inc

Two parameter groups, 0.4 and 0.05; the value behind step 0 is that of the new scheduler. Numbers are
written so that they read back as the same doubles.
"""
import warnings

import torch
from torch.optim import SGD, Adam
from torch.optim import lr_scheduler as s

STEPS = 50
METRICS = [1, 0.9, 0.9, 0.95, 0.8, 0.8, 0.8, 0.8, 0.8, 0.79999, 0.7] + [0.7 + 0.01 * (i % 4) for i in range(STEPS)]

CASES = {
    "StepLR": lambda o: s.StepLR(o, 7, gamma=0.3),
    "MultiStepLR": lambda o: s.MultiStepLR(o, [3, 10, 10, 31], gamma=0.5),
    "ExponentialLR": lambda o: s.ExponentialLR(o, 0.93),
    "LinearLR": lambda o: s.LinearLR(o),
    "LinearLR down": lambda o: s.LinearLR(o, start_factor=1.0, end_factor=0.1, total_iters=33),
    "CosineAnnealingLR": lambda o: s.CosineAnnealingLR(o, 12),
    "CosineAnnealingLR eta_min": lambda o: s.CosineAnnealingLR(o, 17, eta_min=0.01),
    "CosineAnnealingWarmRestarts": lambda o: s.CosineAnnealingWarmRestarts(o, 9),
    "CosineAnnealingWarmRestarts T_mult": lambda o: s.CosineAnnealingWarmRestarts(o, 4, T_mult=2, eta_min=0.003),
    "OneCycleLR": lambda o: s.OneCycleLR(o, max_lr=0.3, total_steps=50),
    "OneCycleLR linear": lambda o: s.OneCycleLR(o, max_lr=[0.3, 0.1], epochs=3, steps_per_epoch=17, pct_start=0.4,
                                                anneal_strategy="linear", base_momentum=0.7, max_momentum=0.9,
                                                div_factor=10.0, final_div_factor=100.0),
    "OneCycleLR three_phase": lambda o: s.OneCycleLR(o, max_lr=0.2, total_steps=60, three_phase=True),
    "OneCycleLR Adam": lambda o: s.OneCycleLR(o, max_lr=0.2, total_steps=55),
    "OneCycleLR no momentum": lambda o: s.OneCycleLR(o, max_lr=0.2, total_steps=55, cycle_momentum=False),
    "LambdaLR": lambda o: s.LambdaLR(o, lambda step: 0.95 ** step),
    "LambdaLR each": lambda o: s.LambdaLR(o, [lambda step: 1 / (1 + step), lambda step: step // 5 + 1]),
    "SequentialLR": lambda o: s.SequentialLR(
        o, [s.LinearLR(o, start_factor=0.1, total_iters=6), s.CosineAnnealingLR(o, 44)], milestones=[6]),
    "SequentialLR of three": lambda o: s.SequentialLR(
        o, [s.ExponentialLR(o, 0.9), s.StepLR(o, 4, gamma=0.5), s.CosineAnnealingWarmRestarts(o, 5)], milestones=[8, 27]),
    "ReduceLROnPlateau": lambda o: s.ReduceLROnPlateau(o, factor=0.5, patience=2),
    "ReduceLROnPlateau max": lambda o: s.ReduceLROnPlateau(o, mode="max", factor=0.2, patience=3, threshold=0.005,
                                                           threshold_mode="abs", cooldown=4, min_lr=[0.01, 0.001]),
}


def optimizer(name):
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": 0.4},
              {"params": [torch.zeros(1, requires_grad=True)], "lr": 0.05}]
    return Adam(groups, lr=1.0) if name.endswith("Adam") else SGD(groups, lr=1.0, momentum=0.9)


def rows(name):
    o = optimizer(name)
    scheduler = CASES[name](o)
    for step in range(STEPS + 1):
        yield ([g["lr"] for g in o.param_groups]
               + [g["betas"][0] if "betas" in g else g["momentum"] for g in o.param_groups])
        if step == STEPS:
            return
        o.step()
        scheduler.step(METRICS[step]) if name.startswith("ReduceLROnPlateau") else scheduler.step()


def main():
    warnings.simplefilter("ignore")
    print("// Written by schedulers.py: learning rates and momentums of two groups, before each of 51 steps.")
    for name in CASES:
        print(f'{{"{name}", {{')
        for row in rows(name):
            print("  {" + ", ".join(repr(float(value)) for value in row) + "},")
        print("}},")


main()
