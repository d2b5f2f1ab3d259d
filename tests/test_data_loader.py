"""Data sets, samplers, batches, workers that leave nothing behind, and epochs that go on where they were left."""

from __future__ import annotations

import collections
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

import microgradient as mg
from microgradient import data

Point = collections.namedtuple("Point", "x y")


class Squares(data.Dataset):
    def __init__(self, n=10):
        self.n = n

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        if i == 13:
            raise ValueError("thirteen is not here")
        return np.array([i * i], np.float32), i


class Noise(data.Dataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        return float(mg.random.uniform(()).raw), float(np.random.random())


class Shared(data.IterableDataset):
    """Each worker gives its own part."""

    def __iter__(self):
        info = data.get_worker_info()
        return iter(range(12)) if info is None else iter(range(info.id, 12, info.num_workers))


class Slow(data.Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        time.sleep(60)


class Dying(data.Dataset):
    def __len__(self):
        return 3

    def __getitem__(self, i):
        os._exit(7)


def numbers(loader):
    return [batch[1].tolist() for batch in loader]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("context", [None, "thread"])
def test_batches_come_in_order(workers, context):
    loader = data.DataLoader(Squares(10), batch_size=4, num_workers=workers, multiprocessing_context=context)
    for _ in range(2):
        assert numbers(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert len(loader) == 3
    x, y = next(iter(loader))
    assert isinstance(x, mg.Tensor)
    assert x.tolist() == [[0.0], [1.0], [4.0], [9.0]]
    assert x.dtype == np.float32
    assert y.dtype == np.int64
    assert numbers(data.DataLoader(Squares(10), 4, drop_last=True, num_workers=workers)) == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert numbers(data.DataLoader(Squares(0), 4, num_workers=workers)) == []


@pytest.mark.parametrize("workers", [0, 2])
def test_shuffled_epochs_differ_and_follow_the_seed(workers):
    def epochs():
        mg.manual_seed(3)
        loader = data.DataLoader(Squares(10), batch_size=3, shuffle=True, num_workers=workers)
        return [numbers(loader) for _ in range(2)]

    first, second = epochs()
    assert sorted(i for batch in first for i in batch) == list(range(10))
    assert first != second
    assert epochs() == [first, second]
    generator = mg.random.Generator(5)
    own = [
        numbers(data.DataLoader(Squares(10), 3, shuffle=True, generator=g)) for g in (generator, mg.random.Generator(5))
    ]
    assert own[0] == own[1]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("how", ["shuffle", "generator", "sampler", "weighted", "iterable"])
def test_an_epoch_goes_on_where_it_was_left(workers, how):
    def make():
        if how == "iterable":
            return data.DataLoader(Shared(), batch_size=2, num_workers=workers)
        given = {
            "shuffle": {"shuffle": True},
            "generator": {"shuffle": True, "generator": mg.random.Generator(1)},
            "sampler": {"sampler": data.RandomSampler(range(20), generator=mg.random.Generator(2))},
            "weighted": {"sampler": data.WeightedRandomSampler(np.arange(20.0), 20)},
        }[how]
        return data.DataLoader(data.TensorDataset(mg.arange(20)), batch_size=3, num_workers=workers, **given)

    def taken(batch):
        return (batch if how == "iterable" else batch[0]).tolist()

    mg.manual_seed(1)
    loader = make()
    batches = iter(loader)
    first = [taken(next(batches)) for _ in range(3)]
    saved = loader.state_dict()
    rest = [taken(batch) for batch in batches]
    after = loader.state_dict()
    mg.manual_seed(99)
    other = make()
    other.load_state_dict(saved)
    assert [taken(batch) for batch in other] == rest
    assert after == {"seed": None, "batch": 0, "sampler": None}
    assert first
    assert sum(len(batch) for batch in first + rest) == (12 if how == "iterable" else 20)


def test_iterable_data_sets():
    assert [b.tolist() for b in data.DataLoader(Shared(), batch_size=5)] == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11]]
    for context in (None, "thread"):
        loader = data.DataLoader(Shared(), 3, num_workers=2, multiprocessing_context=context, persistent_workers=True)
        for _ in range(2):
            assert [b.tolist() for b in loader] == [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]
    assert [int(x) for x in data.DataLoader(Shared(), batch_size=None)] == list(range(12))
    whole = data.DataLoader(Shared(), 5, num_workers=2, drop_last=True)  # of each worker's six
    assert sorted(int(i) for batch in whole for i in batch) == list(range(10))


@pytest.mark.parametrize("context", [None, "thread"])
def test_what_a_worker_raises_comes_with_its_traceback(context):
    loader = data.DataLoader(Squares(20), batch_size=4, num_workers=2, multiprocessing_context=context)
    batches = iter(loader)
    assert [next(batches)[1].tolist() for _ in range(3)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    with pytest.raises(ValueError, match="thirteen is not here") as caught:
        next(batches)
    assert "In worker 1" in str(caught.value.__cause__)
    assert "in __getitem__" in str(caught.value.__cause__)
    assert children() == []


def children():
    time.sleep(0.05)
    running = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    return [p for p in running if not any("resource_tracker" in word for word in p.cmdline())]  # which Python keeps


def test_nothing_is_left_behind():
    for _ in data.DataLoader(Squares(10), num_workers=2):
        assert len(children()) == 2
        break
    assert children() == []
    loader = data.DataLoader(Squares(10), num_workers=2, persistent_workers=True)
    numbers(loader)
    kept = [p.pid for p in children()]
    numbers(loader)
    assert [p.pid for p in children()] == kept
    assert len(kept) == 2
    del loader
    assert children() == []
    with pytest.raises(ValueError, match=r"gave no batch in 0\.2 s.*MG181"):
        next(iter(data.DataLoader(Slow(), num_workers=1, timeout=0.2)))
    with pytest.raises(ValueError, match=r"Worker 0 ended \(exit code 7\)"):
        next(iter(data.DataLoader(Dying(), num_workers=1)))
    assert children() == []


INTERRUPTED = """
import signal, time
from microgradient import data
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job has it ignored
class Slow(data.Dataset):
    def __len__(self): return 1000
    def __getitem__(self, i):
        time.sleep(0.01)
        return i
try:
    for batch in data.DataLoader(Slow(), batch_size=5, num_workers=2):
        print("batch", flush=True)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


def test_ctrl_c_stops_the_workers():
    child = subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, start_new_session=True)
    assert child.stdout.readline() == b"batch\n"
    workers = psutil.Process(child.pid).children()
    assert len(workers) == 2
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does: to all
    assert child.communicate(timeout=20)[0].endswith(b"stopped\n")
    assert child.returncode == 0
    assert psutil.wait_procs(workers, timeout=5)[1] == []


def test_workers_draw_their_own_numbers_and_the_same_ones_from_a_seed():
    def epoch(context):
        mg.manual_seed(8)
        loader = data.DataLoader(Noise(), num_workers=2, multiprocessing_context=context)
        return [[v.item() for v in batch] for batch in loader]

    first = epoch(None)
    assert epoch(None) == first
    assert len({x for row in first for x in row}) == 8
    assert [row[0] for row in epoch("thread")] == [row[0] for row in epoch("thread")]


def test_workers_know_who_they_are():
    started = []
    loader = data.DataLoader(
        Squares(4), num_workers=2, multiprocessing_context="thread", worker_init_fn=started.append,
        collate_fn=lambda batch: data.get_worker_info(),
    )  # fmt: skip
    infos = list(loader)
    assert [info.id for info in infos] == [0, 1, 0, 1]
    assert sorted(started) == [0, 1]
    assert infos[0].num_workers == 2
    assert infos[1].seed == infos[0].seed + 1
    assert infos[0].dataset is loader.dataset


def test_collating():
    batch = [{"p": Point(1, np.float32(2)), "s": "a", "t": (mg.ones(2), [True])}, {"p": Point(3, np.float32(4)), "s": "b",
             "t": (mg.zeros(2), [False])}]  # fmt: skip
    out = data.default_collate(batch)
    assert isinstance(out["p"], Point)
    assert (out["p"].x.tolist(), out["p"].y.dtype) == ([1, 3], np.float32)
    assert out["s"] == ["a", "b"]
    assert out["t"][0].tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert out["t"][1][0].tolist() == [True, False]
    with pytest.raises(ValueError, match=r"shapes, such as \(2,\) and \(3,\)"):
        data.default_collate([np.ones(2), np.ones(3)])
    with pytest.raises(TypeError, match="not of object"):
        data.default_collate([object()])
    assert data.default_convert([np.ones(2), "a", Point(np.int64(1), 2)])[2].x.item() == 1


def test_data_sets_of_data_sets():
    x, y = mg.arange(6), mg.arange(6) * 2
    both = data.TensorDataset(x, y)
    assert [int(v) for v in both[4]] == [4, 8]
    joined = both + data.Subset(both, [5, 0])
    assert len(joined) == 8
    assert int(joined[6][0]) == 5
    assert int(joined[-1][0]) == 0
    with pytest.raises(IndexError):
        joined[8]
    parts = data.random_split(range(10), [0.5, 0.3, 0.2], generator=mg.random.Generator(0))
    assert [len(p) for p in parts] == [5, 3, 2]
    assert sorted(v for p in parts for v in p) == list(range(10))


def test_samplers():
    mg.manual_seed(0)
    drawn = list(data.WeightedRandomSampler([1.0, 0.0, 3.0], 4000))
    np.testing.assert_allclose(np.bincount(drawn, minlength=3) / 4000, [0.25, 0.0, 0.75], atol=0.03)
    assert sorted(data.WeightedRandomSampler([1.0, 0.0, 3.0], 2, replacement=False)) == [0, 2]
    assert len(list(data.RandomSampler(range(3), num_samples=7))) == 7
    replaced = list(data.RandomSampler(range(3), replacement=True, num_samples=50))
    assert len(replaced) == 50
    assert set(replaced) == {0, 1, 2}
    endless = data.RandomSampler(range(3), replacement=True, num_samples=10**10)
    assert set(next(iter(data.DataLoader(range(3), batch_size=50, sampler=endless))).tolist()) == {0, 1, 2}
    ranks = [data.DistributedSampler(range(10), 3, rank) for rank in range(3)]
    assert {len(list(s)) for s in ranks} == {4}
    assert {i for s in ranks for i in s} == set(range(10))
    before = list(ranks[0])
    ranks[0].set_epoch(1)
    assert list(ranks[0]) != before


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda d: data.DataLoader(d, batch_size=0), "`batch_size` is a whole number of at least 1"),
        (lambda d: data.DataLoader(d, shuffle=True, sampler=[0]), "Either `shuffle` or a `sampler`"),
        (lambda d: data.DataLoader(d, batch_size=2, batch_sampler=[[0]]), "takes the place of"),
        (lambda d: data.DataLoader(d, batch_size=None, drop_last=True), "no last one to drop"),
        (lambda d: data.DataLoader(d, num_workers=-1), "at least 0, got -1"),
        (lambda d: data.DataLoader(d, prefetch_factor=2), "give `num_workers`"),
        (lambda d: data.DataLoader(d, persistent_workers=True), "give `num_workers`"),
        (lambda d: data.DataLoader(Shared(), shuffle=True), "its own order"),
        (lambda d: data.DataLoader(d, num_workers=1, multiprocessing_context="x"), "is one of thread, "),
        (lambda d: data.DataLoader(d).load_state_dict({}), "'seed', 'batch' and 'sampler'"),
        (lambda d: data.random_split(d, [3, 3]), "don't add up to 10"),
        (lambda d: data.TensorDataset(), "at least one tensor"),
        (lambda d: data.TensorDataset(mg.ones(2), mg.ones(3)), r"of one length, got \[2, 3\]"),
        (lambda d: data.WeightedRandomSampler([1.0, 0.0], 2, replacement=False), "can't be drawn without"),
        (lambda d: data.RandomSampler(d, num_samples=0), "at least 1, got 0"),
        (lambda d: data.DistributedSampler(d, 2, 2), "between 0 and 1, got 2"),
    ],
)
def test_mistakes_are_told(make, text):
    with pytest.raises(ValueError, match=text):
        make(Squares(10))
