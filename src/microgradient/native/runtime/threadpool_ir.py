"""The native code that runs a list of launches on the threads, in LLVM's words; threads.py says how the work is shared."""

from __future__ import annotations

import platform
import signal
import time
from typing import Any

from ..codegen.ir import METADATA, Function

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
    found = _DRIVER
    for name, value in constants().items():
        found = found.replace(f"${name}$", str(value))
    functions = (_run, _relocate, _prepare, _share, _wake_all, _resize, _reset)
    return "\n".join([found, *(make().text() for make in functions), METADATA])


def _run() -> Function:
    """Run all launches of a routine `repeat` times, or up to the first that leaves a status other than 0."""
    f = Function("run", "ptr %routine, i64 %repeat")
    f.do("call void @relocate(ptr %routine)")
    mine = f.alloca("i1", align=8)  # whether this run uses the threads: another Python thread may be using them
    f.do(f"store i1 false, ptr {mine}")

    def take_threads() -> None:
        taken = f.emit("cmpxchg ptr @lock, i32 0, i32 1 acquire monotonic")
        f.do(f"store i1 {f.emit(f'extractvalue {{ i32, i1 }} {taken}, 1')}, ptr {mine}")
        f.choose(f.emit(f"load i1, ptr {mine}"), lambda: f.do("call void @prepare()"))

    threads = f.emit("load atomic i64, ptr @wanted monotonic, align 8")
    several = f.emit(f"icmp sgt i64 {threads}, 1")
    parallel = f.emit(f"icmp ne i64 {f.word('%routine', 8)}, 0")
    f.choose(f.emit(f"and i1 {parallel}, {several}"), take_threads)
    launches, status = f.word("%routine", 0, "ptr"), f.word(f.word("%routine", 4, "ptr"), 1, "ptr")
    finish = f.label("finish")
    with f.loop(0, "%repeat"), f.loop(0, f.word("%routine", 1)) as k:
        launch = f.emit(f"getelementptr %Launch, ptr {launches}, i64 {k}")
        kernel, args = (f.word(launch, n, "ptr") for n in (0, 1))
        pieces = f.word(launch, 2)
        shared = f.emit(f"icmp ne i64 {f.word(launch, 3)}, 0")
        f.choose(
            f.emit(f"and i1 {shared}, {f.emit(f'load i1, ptr {mine}')}"),
            lambda: f.do(f"call void @share(ptr {kernel}, ptr {args}, i64 {pieces})"),
            lambda: f.do(f"call void {kernel}(ptr {args}, i64 0, i64 {pieces})"),
        )
        following = f.label("following")
        well = f.emit(f"icmp eq i64 {f.word(status, 0)}, 0")
        f.do(f"br i1 {well}, label %{following}, label %{finish}")
        f.place(following)
    f.do(f"br label %{finish}")
    f.place(finish)

    def release() -> None:
        f.do("store atomic i64 0, ptr @running monotonic, align 8")
        f.do("store atomic i32 0, ptr @lock release, align 4")

    f.choose(f.emit(f"load i1, ptr {mine}"), release)
    return f


def _prepare() -> Function:
    """The holder of the lock: create threads that are missing, wake those that sleep."""
    f = Function("prepare", "")
    f.do("store atomic i64 1, ptr @running monotonic, align 8")
    f.do("atomicrmw add ptr @calls, i64 1 seq_cst")
    f.do("call void @wake_all()")
    workers = f.emit(f"sub i64 {f.emit('load atomic i64, ptr @wanted monotonic, align 8')}, 1")

    def create() -> None:
        signals, before = (f.alloca("[128 x i8]", align=16) for _ in range(2))
        f.do(f"call i32 @sigfillset(ptr {signals})")  # signals are for Python's threads
        f.do(f"call i32 @pthread_sigmask(i32 {int(signal.SIG_SETMASK)}, ptr {signals}, ptr {before})")
        no_more = f.label("no_more")
        with f.loop(f.word("@started", 0), workers) as n:
            number = f.emit(f"add i64 {n}, 1")
            at, me = f.emit(f"getelementptr i64, ptr @threads, i64 {n}"), f.emit(f"inttoptr i64 {number} to ptr")
            failed = f.emit(f"call i32 @pthread_create(ptr {at}, ptr null, ptr @worker, ptr {me})")
            created = f.label("created")
            f.do(f"br i1 {f.emit(f'icmp eq i32 {failed}, 0')}, label %{created}, label %{no_more}")
            f.place(created)
            f.do(f"store i64 {number}, ptr @started")
        f.do(f"br label %{no_more}")
        f.place(no_more)
        f.do(f"call i32 @pthread_sigmask(i32 {int(signal.SIG_SETMASK)}, ptr {before}, ptr null)")

    f.choose(f.emit(f"icmp slt i64 {f.word('@started', 0)}, {workers}"), create)
    return f


def _share() -> Function:
    """The holder of the lock: do one launch on all threads."""
    f = Function("share", "ptr %kernel, ptr %args, i64 %pieces")
    number = f.emit(f"add i64 {f.emit('load atomic i64, ptr @job monotonic, align 8')}, 1")
    threads = f.emit(f"add i64 {f.word('@started', 0)}, 1")
    portion = f.emit(f"udiv i64 %pieces, {f.emit(f'mul i64 {threads}, 8')}")
    take = f.emit(f"call i64 @llvm.umax.i64(i64 {portion}, i64 1)")
    for k, field in enumerate(("ptr %kernel", "ptr %args", "i64 %pieces", f"i64 {threads}", f"i64 {take}"), 1):
        f.do(f"store atomic {field}, ptr getelementptr (%Job, ptr @job, i64 0, i32 {k}) monotonic, align 8")
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


def _relocate() -> Function:
    """Write the addresses of this call's arrays into the args of the launches, and clear the status."""
    f = Function("relocate", "ptr %routine")
    relocations, table, kinds, bases = (f.word("%routine", k, "ptr") for k in (2, 4, 5, 6))
    f.do(f"store i64 0, ptr {f.word(table, 1, 'ptr')}")
    base = f.alloca("ptr", align=8)
    with f.loop(2, f.word("%routine", 7)) as slot:
        given, kind = f.word(table, slot, "ptr"), f.word(kinds, slot)
        f.do(f"store ptr {given}, ptr {base}")
        # kind 0: an address; else an object that has it `kind` bytes after its beginning
        is_object = f.emit(f"icmp ne i64 {kind}, 0")
        inside = f.emit(f"getelementptr i8, ptr {given}, i64 {kind}")
        f.choose(is_object, lambda: f.do(f"store ptr {f.word(inside, 0, 'ptr')}, ptr {base}"))
        at = f.emit(f"getelementptr ptr, ptr {bases}, i64 {slot}")
        f.do(f"store ptr {f.word(base, 0, 'ptr')}, ptr {at}")
    with f.loop(0, f.word("%routine", 3)) as k:
        relocation = f.emit(f"getelementptr %Relocation, ptr {relocations}, i64 {k}")
        address = f.word(bases, f.word(relocation, 1), "ptr")
        value = f.emit(f"getelementptr i8, ptr {address}, i64 {f.word(relocation, 2)}")
        f.do(f"store ptr {value}, ptr {f.word(relocation, 0, 'ptr')}")
    return f


def _wake_all() -> Function:
    """Wake the threads that sleep, if there are any."""
    f = Function("wake_all", "")

    def rouse() -> None:
        f.do("call i32 @pthread_mutex_lock(ptr @mutex)")
        f.do("call i32 @pthread_cond_broadcast(ptr @wake)")
        f.do("call i32 @pthread_mutex_unlock(ptr @mutex)")

    asleep = f.emit("load atomic i64, ptr @sleepers seq_cst, align 8")
    f.choose(f.emit(f"icmp ne i64 {asleep}, 0"), rouse)
    return f


def _resize() -> Function:
    """From now on there are `n` threads: end the old ones, once no run uses them; a run will create the new ones."""
    f = Function("resize", "i64 %n")
    attempt, wait, locked = (f.label(name) for name in ("attempt", "wait", "locked"))
    f.do(f"br label %{attempt}")
    f.place(attempt)
    taken = f.emit("cmpxchg ptr @lock, i32 0, i32 1 acquire monotonic")
    f.do(f"br i1 {f.emit(f'extractvalue {{ i32, i1 }} {taken}, 1')}, label %{locked}, label %{wait}")
    f.place(wait)
    f.do("call i32 @sched_yield()")
    f.do(f"br label %{attempt}")
    f.place(locked)

    def end_threads() -> None:
        f.do("store atomic i64 %n, ptr @wanted monotonic, align 8")
        f.do("store atomic i64 1, ptr @stopping seq_cst, align 8")
        f.do("call void @wake_all()")
        with f.loop(0, f.word("@started", 0)) as k:
            f.do(f"call i32 @pthread_join(i64 {f.word('@threads', k)}, ptr null)")
        f.do("store i64 0, ptr @started")
        f.do("store atomic i64 0, ptr @stopping seq_cst, align 8")

    wanted = f.emit("load atomic i64, ptr @wanted monotonic, align 8")
    f.choose(f.emit(f"icmp ne i64 {wanted}, %n"), end_threads)
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
%Routine = type { ptr, i64, ptr, i64, ptr, ptr, ptr, i64, i64 }
; launches, their number, relocations, their number, table, what is in it, bases, slots, parallel launches
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

; Do pieces of a job until nobody has any left: first those of the own range, then those of others.
define internal void @work(i64 %me, i64 %number) nounwind {
start:
  %tag = shl i64 %number, 32
  %threads = load atomic i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 4) monotonic, align 8
  %take = load atomic i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 5) monotonic, align 8
  br label %next
next:
  %k = phi i64 [ 0, %start ], [ %k.next, %empty ]
  %more = icmp slt i64 %k, %threads
  br i1 %more, label %pick, label %done
pick:
  %k.next = add i64 %k, 1
  %me.k = add i64 %me, %k
  %beyond = icmp sge i64 %me.k, %threads
  %me.k.less = sub i64 %me.k, %threads
  %whose = select i1 %beyond, i64 %me.k.less, i64 %me.k
  %range.at = getelementptr [8 x i64], ptr @ranges, i64 %whose
  br label %try
try:
  %now = load atomic i64, ptr %range.at acquire, align 8
  %many = sub i64 %now, %tag
  %over = icmp ugt i64 %many, 4294967295         ; the range is of another job already
  br i1 %over, label %done, label %current
current:
  %nothing = icmp eq i64 %many, 0
  br i1 %nothing, label %empty, label %claim
claim:
  %mine = call i64 @llvm.umin.i64(i64 %many, i64 %take)
  %rest = sub i64 %now, %mine
  %claimed = cmpxchg ptr %range.at, i64 %now, i64 %rest acq_rel monotonic
  %got = extractvalue { i64, i1 } %claimed, 1
  br i1 %got, label %do, label %try
do:                                              ; this job can't be over before these pieces are done: what it says holds
  %kernel = load atomic ptr, ptr getelementptr (%Job, ptr @job, i64 0, i32 1) monotonic, align 8
  %args = load atomic ptr, ptr getelementptr (%Job, ptr @job, i64 0, i32 2) monotonic, align 8
  %pieces = load atomic i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 3) monotonic, align 8
  %sharers = load atomic i64, ptr getelementptr (%Job, ptr @job, i64 0, i32 4) monotonic, align 8
  %whose.next = add i64 %whose, 1
  %end.sharers = mul i64 %whose.next, %pieces
  %range.end = udiv i64 %end.sharers, %sharers
  %begin = sub i64 %range.end, %many
  %end = add i64 %begin, %mine
  call void %kernel(ptr %args, i64 %begin, i64 %end)
  %left = atomicrmw sub ptr @left, i64 %mine acq_rel
  br label %try
empty:
  br label %next
done:
  ret void
}

; A thread's life.
define internal ptr @worker(ptr %me.pointer) nounwind {
start:
  %me = ptrtoint ptr %me.pointer to i64
  br label %rest
rest:                                            ; nothing to do since now, in the call number %call
  %done.job = phi i64 [ 0, %start ], [ %job, %work ], [ %done.job, %woken ]
  %call = load atomic i64, ptr @calls acquire, align 8
  %since = call i64 @clock()
  br label %look
look:
  %spun = phi i64 [ 0, %rest ], [ %spun.next, %again ]
  %job = load atomic i64, ptr @job acquire, align 8
  %new = icmp ne i64 %job, %done.job
  br i1 %new, label %work, label %idle
work:
  call void @work(i64 %me, i64 %job)
  br label %rest
idle:
  %stop = load atomic i64, ptr @stopping monotonic, align 8
  %ended = icmp ne i64 %stop, 0
  br i1 %ended, label %end, label %spin
spin:
  $PAUSE$
  %spun.next = add i64 %spun, 1
  %round = and i64 %spun.next, 63
  %check = icmp eq i64 %round, 0
  br i1 %check, label %time, label %again
time:
  call i32 @sched_yield()
  %now = call i64 @clock()
  %rested = sub i64 %now, %since
  %active = load atomic i64, ptr @running monotonic, align 8
  %in.run = icmp ne i64 %active, 0
  %patience = select i1 %in.run, i64 1000000, i64 50000  ; ns: within a run there may soon be more to do
  %tired = icmp sgt i64 %rested, %patience
  br i1 %tired, label %sleep, label %again
again:
  br label %look
sleep:
  call i32 @pthread_mutex_lock(ptr @mutex)
  %asleep = atomicrmw add ptr @sleepers, i64 1 seq_cst
  br label %asleep.look
asleep.look:
  %job.now = load atomic i64, ptr @job seq_cst, align 8
  %call.now = load atomic i64, ptr @calls seq_cst, align 8
  %stop.now = load atomic i64, ptr @stopping seq_cst, align 8
  %same.job = icmp eq i64 %job.now, %done.job
  %same.call = icmp eq i64 %call.now, %call
  %goes.on = icmp eq i64 %stop.now, 0
  %same = and i1 %same.job, %same.call
  %quiet = and i1 %same, %goes.on
  br i1 %quiet, label %wait, label %woken
wait:
  call i32 @pthread_cond_wait(ptr @wake, ptr @mutex)
  br label %asleep.look
woken:
  %awake = atomicrmw sub ptr @sleepers, i64 1 seq_cst
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %rest
end:
  ret ptr null
}

; Wait until all pieces of the job are done.
define internal void @wait() nounwind {
start:
  br label %wait
wait:
  %spun = phi i64 [ 0, %start ], [ %spun.next, %spin ], [ %spun.next, %yield ]
  %left = load atomic i64, ptr @left acquire, align 8
  %finished = icmp eq i64 %left, 0
  br i1 %finished, label %done, label %spin
spin:
  $PAUSE$
  %spun.next = add i64 %spun, 1
  %long = icmp sgt i64 %spun, 2000
  br i1 %long, label %yield, label %wait
yield:                                           ; a thread is held up: perhaps it needs this processor
  call i32 @sched_yield()
  br label %wait
done:
  ret void
}

define internal i64 @clock() nounwind {
  %time = alloca [2 x i64], align 16
  call i32 @clock_gettime(i32 $CLOCK$, ptr %time)
  %seconds = load i64, ptr %time
  %ns.at = getelementptr i64, ptr %time, i64 1
  %ns = load i64, ptr %ns.at
  %whole = mul i64 %seconds, 1000000000
  %sum = add i64 %whole, %ns
  ret i64 %sum
}

declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
"""
