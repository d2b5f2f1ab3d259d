"""Event files, read by TensorBoard's own reader."""

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from microgradient.train.run_folder import RunFolder


def test_tensorboard_reads_what_metrics_jsonl_holds(run):
    run("train", "two-layer", "--epochs", "3", "--out", "r", "--tensorboard")
    run("train", "two-layer", "--epochs", "5", "--out", "r", "--resume", "--tensorboard")
    events = EventAccumulator("r").Reload()
    lines = RunFolder.peek(Path("r")).metrics()
    assert len(lines) == 5
    assert sorted(events.Tags()["scalars"]) == sorted(lines[0].keys() - {"epoch", "step", "run"})
    for name in events.Tags()["scalars"]:
        found = events.Scalars(name)
        assert [point.step for point in found] == [line["step"] for line in lines]
        np.testing.assert_allclose([point.value for point in found], [line[name] for line in lines], rtol=1e-6)
