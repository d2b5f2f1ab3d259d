"""Small kernels written by hand, for tests of the engine and of the threads."""

from __future__ import annotations

from microgradient.native.codegen.ir import Function
from microgradient.native.runtime import engine


def add_index(name="add_index", per_piece=10):
    """out[i] = x[i] + i for `per_piece` int64 in each piece. args: x, out."""
    f = Function(name)
    x, out = f.load_argument(0), f.load_argument(1)
    start, stop = f.emit(f"mul i64 %begin, {per_piece}"), f.emit(f"mul i64 %end, {per_piece}")
    with f.loop(start, stop) as i:
        value = f.emit(f"load i64, ptr {f.emit(f'getelementptr i64, ptr {x}, i64 {i}')}, align 8")
        f.do(
            f"store i64 {f.emit(f'add i64 {value}, {i}')}, ptr {f.emit(f'getelementptr i64, ptr {out}, i64 {i}')}, align 8"
        )
    return f


def count(name="count"):
    """counts[piece] += 1: how often each piece is done. args: counts."""
    f = Function(name)
    counts = f.load_argument(0)
    with f.loop("%begin", "%end") as i:
        at = f.emit(f"getelementptr i64, ptr {counts}, i64 {i}")
        now = f.emit(f"load i64, ptr {at}, align 8")
        f.do(f"store i64 {f.emit(f'add i64 {now}, 1')}, ptr {at}, align 8")
    return f


def fill(name="fill"):
    """out[0] = n, a number in the place of a pointer. args: n, out."""
    f = Function(name)
    f.do(f"store i64 {f.load_argument(0, 'i64')}, ptr {f.load_argument(1)}, align 8")
    return f


def who(name="who"):
    """threads[piece] = the thread that did it, after some time. args: threads."""
    f = Function(name)
    threads = f.load_argument(0)
    f.declare("pthread_self", "declare i64 @pthread_self()")
    with f.loop("%begin", "%end") as i:
        at = f.emit(f"getelementptr i64, ptr {threads}, i64 {i}")
        with f.loop(0, 10000) as j:
            f.do(f"store volatile i64 {j}, ptr {at}, align 8")
        f.do(f"store i64 {f.emit('call i64 @pthread_self()')}, ptr {at}, align 8")
    return f


def vector_add(name="vector_add", bits=512):
    """out[piece] = x[piece] + y[piece], vectors of float32 of that many bits. args: x, y, out."""
    f = Function(name)
    vector = f"<{bits // 32} x float>"
    x, y, out = f.load_argument(0), f.load_argument(1), f.load_argument(2)
    with f.loop("%begin", "%end") as i:
        a, b = (
            f.emit(f"load {vector}, ptr {f.emit(f'getelementptr {vector}, ptr {p}, i64 {i}')}, align 4") for p in (x, y)
        )
        at = f.emit(f"getelementptr {vector}, ptr {out}, i64 {i}")
        f.do(f"store {vector} {f.emit(f'fadd {vector} {a}, {b}')}, ptr {at}, align 4")
    return f


def code():
    """All of them, compiled."""
    return engine.machine_code({make.__name__: make for make in (add_index, count, fill, who)}, "tests of threads")
