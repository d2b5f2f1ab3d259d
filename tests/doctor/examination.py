"""What `mg.doctor` says of the zoo: at the start, and in the middle of training."""

from __future__ import annotations

import warnings

import microgradient as mg
from microgradient import optim

MIDDLE = 30  # steps


def examine(patient, middle=False, seed=1):
    """The diagnosis of a patient, after `MIDDLE` steps of training if `middle`."""
    mg.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, loss_fn, batch, optimizer = patient.make()
        if middle:
            train(model, loss_fn, batch, optimizer)
        return mg.doctor(model, loss_fn, batch, optimizer)


def train(model, loss_fn, batch, optimizer):
    own = optimizer or optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(MIDDLE):
        own.zero_grad()
        loss_fn(model, batch).backward()
        own.step()


def verdict(patient, diagnosis):
    """What is wrong with a diagnosis, "" if nothing is: a false alarm, a disease that is missed, or another cause."""
    rules = [finding.rule for finding in diagnosis.findings]
    if patient.rule is None:
        return f"false alarm: {rules}" if rules else ""
    if patient.rule not in rules:
        return f"missed {patient.rule}: {rules or 'healthy'}"
    if patient.subject and diagnosis.findings[rules.index(patient.rule)].subject != patient.subject:
        return f"subject {diagnosis.findings[rules.index(patient.rule)].subject}"
    other = set(rules) - {patient.rule, *patient.also}
    return f"besides {patient.rule}: {sorted(other)}" if other else ""
