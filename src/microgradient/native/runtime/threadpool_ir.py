"""The native code that runs a list of launches on the threads, in LLVM's words; threads.py says how the work is shared."""

from __future__ import annotations

import platform
import signal
import time
from typing import Any

from ..codegen.ir import METADATA, Function, Val
from .control_ir import CONTROL

MOST = 256
"""More threads than this are not used."""


def constants() -> dict[str, Any]:
    """What differs between machines in the text below."""
    processor = platform.machine().lower()
    if processor in ("x86_64", "amd64"):
        pause = "call void @llvm.x86.sse2.pause()", "declare void @llvm.x86.sse2.pause()"
    elif processor in ("aarch64", "arm64"):
        pause = "call void @llvm.aarch64.hint(i32 1)", "declare void @llvm.aarch64.hint(i32)"
    else:
        pause = "", ""
    return {
        "PAUSE": pause[0],
        "DECLARE_PAUSE": pause[1],
        "CLOCK": getattr(time, "CLOCK_MONOTONIC", 1),
        "MOST": MOST,
    }


def text() -> str:
    """The driver in LLVM's words, for this machine."""
    functions = (_run, _relocate, _prepare, _share, _work, _wait, _worker, _clock, _wake_all, _resize, _reset, *CONTROL)
    found = "\n".join([_DRIVER, *(make().text() for make in functions), METADATA])
    for name, value in constants().items():
        found = found.replace(f"${name}$", str(value))
    return found


def _run() -> Function:
    """Run all launches of a routine `repeat` times, or up to the first that leaves a status other than 0."""
    f = Function("run", "ptr %routine, i64 %repeat")
    f.do("call void @relocate(ptr %routine)")
    mine = f.alloca("i1", align=8)  # whether this run uses the threads: another Python thread may be using them
    f.do(f"store i1 false, ptr {mine}")
    threads = f.emit("load atomic i64, ptr @wanted monotonic, align 8")
    several = f.emit(f"icmp sgt i64 {threads}, 1")
    parallel = f.emit(f"icmp ne i64 {f.word('%routine', 7)}, 0")
    with f.when(f.emit(f"and i1 {parallel}, {several}")):
        taken = _locked(f)
        f.do(f"store i1 {taken}, ptr {mine}")
        with f.when(taken):
            f.do("call void @prepare()")
    launches, count = f.word("%routine", 0, "ptr"), f.word("%routine", 1)
    status = f.word(f.word("%routine", 4, "ptr"), 1, "ptr")
    uses = f.emit(f"zext i1 {f.emit(f'load i1, ptr {mine}')} to i64")
    finish = f.label("finish")
    with f.loop(0, "%repeat"):
        f.do(f"call void @launches(ptr {launches}, i64 {count}, ptr {status}, i64 {uses})")
        f.leave(f.emit(f"icmp ne i64 {f.word(status, 0)}, 0"), finish)
    f.do(f"br label %{finish}")
    f.place(finish)
    with f.when(f.emit(f"load i1, ptr {mine}")):
        f.do("store atomic i64 0, ptr @running monotonic, align 8")
        f.do("store atomic i32 0, ptr @lock release, align 4")
    return f


def _locked(f: Function) -> str:
    """Try to take the lock; an i1, whether that went well."""
    taken = f.emit("cmpxchg ptr @lock, i32 0, i32 1 acquire monotonic")
    return f.emit(f"extractvalue {{ i32, i1 }} {taken}, 1")


def _prepare() -> Function:
    """The holder of the lock: create threads that are missing, wake those that sleep."""
    f = Function("prepare", "")
    f.do("store atomic i64 1, ptr @running monotonic, align 8")
    f.do("atomicrmw add ptr @calls, i64 1 seq_cst")
    f.do("call void @wake_all()")
    workers = f.emit(f"sub i64 {f.emit('load atomic i64, ptr @wanted monotonic, align 8')}, 1")
    with f.when(f.emit(f"icmp slt i64 {f.word('@started', 0)}, {workers}")):
        signals, before = (f.alloca("[128 x i8]", align=16) for _ in range(2))
        f.do(f"call i32 @sigfillset(ptr {signals})")  # signals are for Python's threads
        f.do(f"call i32 @pthread_sigmask(i32 {int(signal.SIG_SETMASK)}, ptr {signals}, ptr {before})")
        no_more = f.label("no_more")
        with f.loop(f.word("@started", 0), workers) as n:
            number = f.emit(f"add i64 {n}, 1")
            at, me = f.emit(f"getelementptr i64, ptr @threads, i64 {n}"), f.emit(f"inttoptr i64 {number} to ptr")
            failed = f.emit(f"call i32 @pthread_create(ptr {at}, ptr null, ptr @worker, ptr {me})")
            f.leave(f.emit(f"icmp ne i32 {failed}, 0"), no_more)
            f.do(f"store i64 {number}, ptr @started")
        f.do(f"br label %{no_more}")
        f.place(no_more)
        f.do(f"call i32 @pthread_sigmask(i32 {int(signal.SIG_SETMASK)}, ptr {before}, ptr null)")
    return f


def _share() -> Function:
    """The holder of the lock: do one launch on all threads."""
    f = Function("share", "ptr %kernel, ptr %args, i64 %pieces")
    number = f.emit(f"add i64 {f.emit('load atomic i64, ptr @job monotonic, align 8')}, 1")
    threads = f.emit(f"add i64 {f.word('@started', 0)}, 1")
    portion = f.emit(f"udiv i64 %pieces, {f.emit(f'mul i64 {threads}, 8')}")
    take = f.emit(f"call i64 @llvm.umax.i64(i64 {portion}, i64 1)")
    for k, field in enumerate(("ptr %kernel", "ptr %args", "i64 %pieces", f"i64 {threads}", f"i64 {take}"), 1):
        f.do(f"store atomic {field}, ptr {_JOB % k} monotonic, align 8")
    f.do("store atomic i64 %pieces, ptr @left monotonic, align 8")
    tag = f.emit(f"shl i64 {number}, 32")
    with f.loop(0, threads) as t:
        ends = [f.emit(f"mul i64 {n}, %pieces") for n in (t, f.emit(f"add i64 {t}, 1"))]
        begin, end = (f.emit(f"udiv i64 {n}, {threads}") for n in ends)
        value = f.emit(f"or i64 {tag}, {f.emit(f'sub i64 {end}, {begin}')}")
        at = f.emit(f"getelementptr [8 x i64], ptr @ranges, i64 {t}")
        f.do(f"store atomic i64 {value}, ptr {at} release, align 8")
    f.do(f"store atomic i64 {number}, ptr @job seq_cst, align 8")
    f.do("call void @wake_all()")
    f.do(f"call void @work(i64 0, i64 {number})")
    f.do("call void @wait()")
    return f


_JOB = "getelementptr (%%Job, ptr @job, i64 0, i32 %d)"


def _work() -> Function:
    """Do pieces of a job until nobody has any left: first those of the own range, then those of others."""
    f = Function("work", "i64 %me, i64 %number")
    tag = f.emit("shl i64 %number, 32")
    types = ("ptr", "ptr", "i64", "i64", "i64")
    # if they are of the next job already, no range has pieces of this one
    kernel, args, pieces, threads, take = (
        f.emit(f"load atomic {t}, ptr {_JOB % k} monotonic, align 8") for k, t in enumerate(types, 1)
    )
    done = f.label("done")
    with f.loop(0, threads) as k:
        whose = f.emit(f"urem i64 {f.emit(f'add i64 %me, {k}')}, {threads}")
        following = f.emit(f"add i64 {whose}, 1")
        end = f.emit(f"udiv i64 {f.emit(f'mul i64 {following}, {pieces}')}, {threads}")
        at = f.emit(f"getelementptr [8 x i64], ptr @ranges, i64 {whose}")
        with f.forever() as empty:
            now = f.emit(f"load atomic i64, ptr {at} acquire, align 8")
            many = f.emit(f"sub i64 {now}, {tag}")
            f.leave(f.emit(f"icmp ugt i64 {many}, 4294967295"), done)  # the range is of another job already
            f.leave(f.emit(f"icmp eq i64 {many}, 0"), empty)
            mine = f.emit(f"call i64 @llvm.umin.i64(i64 {many}, i64 {take})")
            rest = f.emit(f"sub i64 {now}, {mine}")
            claimed = f.emit(f"cmpxchg ptr {at}, i64 {now}, i64 {rest} acq_rel monotonic")
            with f.when(f.emit(f"extractvalue {{ i64, i1 }} {claimed}, 1")):
                begin = f.emit(f"sub i64 {end}, {many}")
                f.do(f"call void {kernel}(ptr {args}, i64 {begin}, i64 {f.emit(f'add i64 {begin}, {mine}')})")
                f.do(f"atomicrmw sub ptr @left, i64 {mine} acq_rel")
    f.do(f"br label %{done}")
    f.place(done)
    return f


def _wait() -> Function:
    """Wait until all pieces of the job are done."""
    f = Function("wait", "")
    with f.forever() as done:
        with f.loop(0, 2000, unroll=False):
            f.leave(f.emit(f"icmp eq i64 {f.emit('load atomic i64, ptr @left acquire, align 8')}, 0"), done)
            f.do("$PAUSE$")
        f.do("call i32 @sched_yield()")  # a thread is held up: perhaps it needs this processor
    return f


def _worker() -> Function:
    """A thread's life. What it returns nobody asks for."""
    f = Function("worker", "ptr %pointer")
    me, job = f.emit("ptrtoint ptr %pointer to i64"), f.alloca("i64", align=8)
    f.do(f"store i64 0, ptr {job}")
    with f.forever() as end:  # nothing to do since now, in the call number `call`
        done, call, since = f.word(job, 0), _seen(f, "calls"), f.emit("call i64 @clock()")
        new, sleep, rested = f.label("new"), f.label("sleep"), f.label("rested")
        with f.forever():
            with f.loop(0, 64, unroll=False):
                f.leave(f.emit(f"icmp ne i64 {_seen(f, 'job')}, {done}"), new)
                f.leave(f.emit(f"icmp ne i64 {_seen(f, 'stopping')}, 0"), end)
                f.do("$PAUSE$")
            f.do("call i32 @sched_yield()")
            idle = f.emit(f"sub i64 {f.emit('call i64 @clock()')}, {since}")
            running = f.emit(f"icmp ne i64 {_seen(f, 'running')}, 0")
            # ns: in a run there may soon be more to do
            patience = f.emit(f"select i1 {running}, i64 1000000, i64 50000")
            f.leave(f.emit(f"icmp sgt i64 {idle}, {patience}"), sleep)
        f.do("unreachable")
        f.place(new)
        f.do(f"store i64 {_seen(f, 'job')}, ptr {job}")
        f.do(f"call void @work(i64 {me}, i64 {f.word(job, 0)})")
        f.do(f"br label %{rested}")
        f.place(sleep)
        f.do("call i32 @pthread_mutex_lock(ptr @mutex)")
        f.do("atomicrmw add ptr @sleepers, i64 1 seq_cst")
        with f.forever() as woken:
            for name, before in (("job", done), ("calls", call), ("stopping", "0")):
                f.leave(f.emit(f"icmp ne i64 {_seen(f, name)}, {before}"), woken)
            f.do("call i32 @pthread_cond_wait(ptr @wake, ptr @mutex)")
        f.do("atomicrmw sub ptr @sleepers, i64 1 seq_cst")
        f.do("call i32 @pthread_mutex_unlock(ptr @mutex)")
        f.do(f"br label %{rested}")
        f.place(rested)
    return f


def _seen(f: Function, name: str) -> str:
    """What a global variable is now."""
    return f.emit(f"load atomic i64, ptr @{name} seq_cst, align 8")


def _clock() -> Function:
    """Nanoseconds since some time."""
    f = Function("clock", "")
    time = f.alloca("[2 x i64]", align=16)
    f.do(f"call i32 @clock_gettime(i32 $CLOCK$, ptr {time})")
    whole = f.emit(f"mul i64 {f.word(time, 0)}, 1000000000")
    f.result = Val(f.emit(f"add i64 {whole}, {f.word(time, 1)}"), "i8", 1)
    return f


def _relocate() -> Function:
    """Write the addresses of this call's arrays into the args of the launches, and clear the status."""
    f = Function("relocate", "ptr %routine")
    relocations, table, bases = (f.word("%routine", k, "ptr") for k in (2, 4, 5))
    f.do(f"store i64 0, ptr {f.word(table, 1, 'ptr')}")
    inside = f.word("%routine", 8)
    with f.loop(2, f.word("%routine", 6)) as slot:
        address = f.emit(f"getelementptr i8, ptr {f.word(table, slot, 'ptr')}, i64 {inside}")
        at = f.emit(f"getelementptr ptr, ptr {bases}, i64 {slot}")
        f.do(f"store ptr {f.word(address, 0, 'ptr')}, ptr {at}")
    with f.loop(0, f.word("%routine", 3)) as k:
        relocation = f.emit(f"getelementptr %Relocation, ptr {relocations}, i64 {k}")
        address = f.word(bases, f.word(relocation, 1), "ptr")
        value = f.emit(f"getelementptr i8, ptr {address}, i64 {f.word(relocation, 2)}")
        f.do(f"store ptr {value}, ptr {f.word(relocation, 0, 'ptr')}")
    return f


def _wake_all() -> Function:
    """Wake the threads that sleep, if there are any."""
    f = Function("wake_all", "")
    with f.when(f.emit(f"icmp ne i64 {_seen(f, 'sleepers')}, 0")):
        f.do("call i32 @pthread_mutex_lock(ptr @mutex)")
        f.do("call i32 @pthread_cond_broadcast(ptr @wake)")
        f.do("call i32 @pthread_mutex_unlock(ptr @mutex)")
    return f


def _resize() -> Function:
    """From now on there are `n` threads: end the old ones, once no run uses them; a run will create the new ones."""
    f = Function("resize", "i64 %n")
    with f.forever() as locked:
        f.leave(_locked(f), locked)
        f.do("call i32 @sched_yield()")
    wanted = f.emit("load atomic i64, ptr @wanted monotonic, align 8")
    with f.when(f.emit(f"icmp ne i64 {wanted}, %n")):
        f.do("store atomic i64 %n, ptr @wanted monotonic, align 8")
        f.do("store atomic i64 1, ptr @stopping seq_cst, align 8")
        f.do("call void @wake_all()")
        with f.loop(0, f.word("@started", 0)) as k:
            f.do(f"call i32 @pthread_join(i64 {f.word('@threads', k)}, ptr null)")
        f.do("store i64 0, ptr @started")
        f.do("store atomic i64 0, ptr @stopping seq_cst, align 8")
    f.do("store atomic i32 0, ptr @lock release, align 4")
    return f


def _reset() -> Function:
    """At the beginning and in the child of a fork: no threads, nothing locked."""
    f = Function("reset", "")
    for name in ("started", "sleepers", "running", "stopping"):
        f.do(f"store i64 0, ptr @{name}")
    f.do("call i32 @pthread_mutex_init(ptr @mutex, ptr null)")
    f.do("call i32 @pthread_cond_init(ptr @wake, ptr null)")
    f.do("store atomic i32 0, ptr @lock release, align 4")
    return f


# Every global variable has a cache line of its own. A launch is {kernel, args, pieces, parallel}; a relocation is
# {where to write an address, slot, bytes to add}; a routine is what `run` loads at its beginning.
_DRIVER = r"""
%Launch = type { ptr, ptr, i64, i64 }
%Relocation = type { ptr, i64, i64 }
%Routine = type { ptr, i64, ptr, i64, ptr, ptr, i64, i64, i64 }
; launches, their number, relocations, their number, table, bases, slots, parallel launches, bytes from an object to its address
%Job = type { i64, ptr, ptr, i64, i64, i64 }  ; number, kernel, args, pieces, threads, how many pieces to take at once

@lock = internal global i32 0, align 64          ; 1 while a run uses the threads
@wanted = internal global i64 1, align 64        ; how many threads there should be, the caller's included
@started = internal global i64 0, align 64       ; how many have been created
@job = internal global %Job zeroinitializer, align 64
@left = internal global i64 0, align 64          ; pieces of the job that aren't done
@ranges = internal global [$MOST$ x [8 x i64]] zeroinitializer, align 64  ; (job << 32) + pieces that nobody has taken
@running = internal global i64 0, align 64       ; 1 from the beginning of a run to its end
@calls = internal global i64 0, align 64         ; how many runs there were
@stopping = internal global i64 0, align 64
@sleepers = internal global i64 0, align 64
@mutex = internal global [128 x i8] zeroinitializer, align 64
@wake = internal global [128 x i8] zeroinitializer, align 64
@threads = internal global [$MOST$ x i64] zeroinitializer, align 64

$DECLARE_PAUSE$
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_join(i64, ptr)
declare i32 @pthread_mutex_init(ptr, ptr)
declare i32 @pthread_mutex_lock(ptr)
declare i32 @pthread_mutex_unlock(ptr)
declare i32 @pthread_cond_init(ptr, ptr)
declare i32 @pthread_cond_wait(ptr, ptr)
declare i32 @pthread_cond_broadcast(ptr)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
declare i32 @sched_yield()
declare i32 @clock_gettime(i32, ptr)
declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
"""
