"""The native code that runs a list of launches on the threads, in LLVM's words; threads.py says how the work is shared."""

from __future__ import annotations

import platform
import signal
import time
from typing import Any

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
        "SETMASK": int(signal.SIG_SETMASK),
        "MOST": MOST,
    }


def text() -> str:
    """The driver in LLVM's words, for this machine."""
    found = _DRIVER
    for name, value in constants().items():
        found = found.replace(f"${name}$", str(value))
    return found


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

; Run all launches of a routine `repeat` times, or up to the first that leaves a status other than 0.
define i64 @run(ptr %routine, i64 %repeat) nounwind {
start:
  %launches = load ptr, ptr %routine
  %many.at = getelementptr %Routine, ptr %routine, i64 0, i32 1
  %many = load i64, ptr %many.at
  call void @relocate(ptr %routine)
  %table.at = getelementptr %Routine, ptr %routine, i64 0, i32 4
  %table = load ptr, ptr %table.at
  %status.at = getelementptr ptr, ptr %table, i64 1
  %status = load ptr, ptr %status.at
  %parallel.at = getelementptr %Routine, ptr %routine, i64 0, i32 8
  %parallel = load i64, ptr %parallel.at
  %may = icmp ne i64 %parallel, 0
  br i1 %may, label %ask, label %alone
ask:
  %threads = load atomic i64, ptr @wanted monotonic, align 8
  %several = icmp sgt i64 %threads, 1
  br i1 %several, label %try, label %alone
try:                                             ; another Python thread may be using the threads
  %taken = cmpxchg ptr @lock, i32 0, i32 1 acquire monotonic
  %got = extractvalue { i32, i1 } %taken, 1
  br i1 %got, label %prepare, label %alone
prepare:
  call void @prepare()
  br label %alone
alone:
  %mine = phi i1 [ false, %start ], [ false, %ask ], [ false, %try ], [ true, %prepare ]
  br label %round
round:
  %i = phi i64 [ 0, %alone ], [ %i.next, %round.done ]
  %again = icmp slt i64 %i, %repeat
  br i1 %again, label %next, label %finish
next:
  %k = phi i64 [ 0, %round ], [ %k.next, %launched ]
  %more = icmp slt i64 %k, %many
  br i1 %more, label %launch, label %round.done
launch:
  %at = getelementptr %Launch, ptr %launches, i64 %k
  %kernel = load ptr, ptr %at
  %args.at = getelementptr %Launch, ptr %at, i64 0, i32 1
  %args = load ptr, ptr %args.at
  %pieces.at = getelementptr %Launch, ptr %at, i64 0, i32 2
  %pieces = load i64, ptr %pieces.at
  %shared.at = getelementptr %Launch, ptr %at, i64 0, i32 3
  %shared = load i64, ptr %shared.at
  %flag = icmp ne i64 %shared, 0
  %share = and i1 %flag, %mine
  br i1 %share, label %together, label %single
together:
  call void @share(ptr %kernel, ptr %args, i64 %pieces)
  br label %launched
single:
  call void %kernel(ptr %args, i64 0, i64 %pieces)
  br label %launched
launched:
  %k.next = add i64 %k, 1
  %failed = load i64, ptr %status
  %well = icmp eq i64 %failed, 0
  br i1 %well, label %next, label %finish
round.done:
  %i.next = add i64 %i, 1
  br label %round
finish:
  %left = load i64, ptr %status
  br i1 %mine, label %release, label %done
release:
  store atomic i64 0, ptr @running monotonic, align 8
  store atomic i32 0, ptr @lock release, align 4
  br label %done
done:
  ret i64 %left
}

; Write the addresses of this call's arrays into the args of the launches, and clear the status.
define internal void @relocate(ptr %routine) nounwind {
start:
  %relocations.at = getelementptr %Routine, ptr %routine, i64 0, i32 2
  %relocations = load ptr, ptr %relocations.at
  %many.at = getelementptr %Routine, ptr %routine, i64 0, i32 3
  %many = load i64, ptr %many.at
  %table.at = getelementptr %Routine, ptr %routine, i64 0, i32 4
  %table = load ptr, ptr %table.at
  %kinds.at = getelementptr %Routine, ptr %routine, i64 0, i32 5
  %kinds = load ptr, ptr %kinds.at
  %bases.at = getelementptr %Routine, ptr %routine, i64 0, i32 6
  %bases = load ptr, ptr %bases.at
  %slots.at = getelementptr %Routine, ptr %routine, i64 0, i32 7
  %slots = load i64, ptr %slots.at
  %status.at = getelementptr ptr, ptr %table, i64 1
  %status = load ptr, ptr %status.at
  store i64 0, ptr %status
  br label %slot
slot:
  %s = phi i64 [ 2, %start ], [ %s.next, %based ]
  %more = icmp slt i64 %s, %slots
  br i1 %more, label %base, label %relocation
base:                                            ; kind 0: an address; else an object that has it `kind` bytes after its beginning
  %given.at = getelementptr ptr, ptr %table, i64 %s
  %given = load ptr, ptr %given.at
  %kind.at = getelementptr i64, ptr %kinds, i64 %s
  %kind = load i64, ptr %kind.at
  %raw = icmp eq i64 %kind, 0
  br i1 %raw, label %based, label %object
object:
  %data.at = getelementptr i8, ptr %given, i64 %kind
  %data = load ptr, ptr %data.at
  br label %based
based:
  %address = phi ptr [ %given, %base ], [ %data, %object ]
  %base.at = getelementptr ptr, ptr %bases, i64 %s
  store ptr %address, ptr %base.at
  %s.next = add i64 %s, 1
  br label %slot
relocation:
  %r = phi i64 [ 0, %slot ], [ %r.next, %write ]
  %unwritten = icmp slt i64 %r, %many
  br i1 %unwritten, label %write, label %done
write:
  %r.at = getelementptr %Relocation, ptr %relocations, i64 %r
  %to = load ptr, ptr %r.at
  %r.slot.at = getelementptr %Relocation, ptr %r.at, i64 0, i32 1
  %r.slot = load i64, ptr %r.slot.at
  %r.offset.at = getelementptr %Relocation, ptr %r.at, i64 0, i32 2
  %r.offset = load i64, ptr %r.offset.at
  %r.base.at = getelementptr ptr, ptr %bases, i64 %r.slot
  %r.base = load ptr, ptr %r.base.at
  %value = getelementptr i8, ptr %r.base, i64 %r.offset
  store ptr %value, ptr %to
  %r.next = add i64 %r, 1
  br label %relocation
done:
  ret void
}

; The holder of the lock: create threads that are missing, wake those that sleep.
define internal void @prepare() nounwind {
start:
  %all = alloca [128 x i8], align 16
  %before = alloca [128 x i8], align 16
  store atomic i64 1, ptr @running monotonic, align 8
  %calls = load atomic i64, ptr @calls monotonic, align 8
  %calls.next = add i64 %calls, 1
  store atomic i64 %calls.next, ptr @calls seq_cst, align 8
  call void @wake_all()
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  %workers = sub i64 %wanted, 1
  %there = load i64, ptr @started
  %enough = icmp sge i64 %there, %workers
  br i1 %enough, label %done, label %quiet
quiet:                                           ; signals are for Python's threads
  call i32 @sigfillset(ptr %all)
  call i32 @pthread_sigmask(i32 $SETMASK$, ptr %all, ptr %before)
  br label %create
create:
  %n = phi i64 [ %there, %quiet ], [ %n.next, %created ]
  %missing = icmp slt i64 %n, %workers
  br i1 %missing, label %one, label %loud
one:
  %n.next = add i64 %n, 1
  %thread = getelementptr i64, ptr @threads, i64 %n
  %number = inttoptr i64 %n.next to ptr
  %failed = call i32 @pthread_create(ptr %thread, ptr null, ptr @worker, ptr %number)
  %fine = icmp eq i32 %failed, 0
  br i1 %fine, label %created, label %loud
created:
  store i64 %n.next, ptr @started
  br label %create
loud:
  call i32 @pthread_sigmask(i32 $SETMASK$, ptr %before, ptr null)
  br label %done
done:
  ret void
}

define internal void @wake_all() nounwind {
start:
  %asleep = load atomic i64, ptr @sleepers seq_cst, align 8
  %none = icmp eq i64 %asleep, 0
  br i1 %none, label %done, label %rouse
rouse:
  call i32 @pthread_mutex_lock(ptr @mutex)
  call i32 @pthread_cond_broadcast(ptr @wake)
  call i32 @pthread_mutex_unlock(ptr @mutex)
  br label %done
done:
  ret void
}

; The holder of the lock: do one launch on all threads.
define internal void @share(ptr %kernel, ptr %args, i64 %pieces) nounwind {
start:
  %last = load atomic i64, ptr @job monotonic, align 8
  %number = add i64 %last, 1
  %others = load i64, ptr @started
  %threads = add i64 %others, 1
  %portions = mul i64 %threads, 8
  %portion = udiv i64 %pieces, %portions
  %take = call i64 @llvm.umax.i64(i64 %portion, i64 1)
  store atomic ptr %kernel, ptr getelementptr (%Job, ptr @job, i64 0, i32 1) monotonic, align 8
  store atomic ptr %args, ptr getelementptr (%Job, ptr @job, i64 0, i32 2) monotonic, align 8
  store atomic i64 %pieces, ptr getelementptr (%Job, ptr @job, i64 0, i32 3) monotonic, align 8
  store atomic i64 %threads, ptr getelementptr (%Job, ptr @job, i64 0, i32 4) monotonic, align 8
  store atomic i64 %take, ptr getelementptr (%Job, ptr @job, i64 0, i32 5) monotonic, align 8
  store atomic i64 %pieces, ptr @left monotonic, align 8
  %tag = shl i64 %number, 32
  br label %range
range:
  %t = phi i64 [ 0, %start ], [ %t.next, %fill ]
  %begin = phi i64 [ 0, %start ], [ %end, %fill ]
  %more = icmp slt i64 %t, %threads
  br i1 %more, label %fill, label %announce
fill:
  %t.next = add i64 %t, 1
  %end.threads = mul i64 %t.next, %pieces
  %end = udiv i64 %end.threads, %threads
  %many = sub i64 %end, %begin
  %value = or i64 %tag, %many
  %range.at = getelementptr [8 x i64], ptr @ranges, i64 %t
  store atomic i64 %value, ptr %range.at release, align 8
  br label %range
announce:
  store atomic i64 %number, ptr @job seq_cst, align 8
  call void @wake_all()
  call void @work(i64 0, i64 %number)
  br label %wait
wait:
  %spun = phi i64 [ 0, %announce ], [ %spun.next, %again ]
  %left = load atomic i64, ptr @left acquire, align 8
  %finished = icmp eq i64 %left, 0
  br i1 %finished, label %done, label %spin
spin:
  $PAUSE$
  %spun.next = add i64 %spun, 1
  %long = icmp sgt i64 %spun, 2000
  br i1 %long, label %yield, label %again
yield:                                           ; a thread is held up: perhaps it needs this processor
  call i32 @sched_yield()
  br label %again
again:
  br label %wait
done:
  ret void
}

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

; From now on there are `n` threads: end the old ones, once no run uses them; a run will create the new ones.
define void @resize(i64 %n) nounwind {
start:
  br label %try
try:
  %taken = cmpxchg ptr @lock, i32 0, i32 1 acquire monotonic
  %got = extractvalue { i32, i1 } %taken, 1
  br i1 %got, label %compare, label %yield
yield:
  call i32 @sched_yield()
  br label %try
compare:
  %wanted = load atomic i64, ptr @wanted monotonic, align 8
  %same = icmp eq i64 %wanted, %n
  br i1 %same, label %release, label %stop
stop:
  store atomic i64 %n, ptr @wanted monotonic, align 8
  store atomic i64 1, ptr @stopping seq_cst, align 8
  call void @wake_all()
  %there = load i64, ptr @started
  br label %join
join:
  %k = phi i64 [ 0, %stop ], [ %k.next, %one ]
  %more = icmp slt i64 %k, %there
  br i1 %more, label %one, label %stopped
one:
  %thread.at = getelementptr i64, ptr @threads, i64 %k
  %thread = load i64, ptr %thread.at
  call i32 @pthread_join(i64 %thread, ptr null)
  %k.next = add i64 %k, 1
  br label %join
stopped:
  store i64 0, ptr @started
  store atomic i64 0, ptr @stopping seq_cst, align 8
  br label %release
release:
  store atomic i32 0, ptr @lock release, align 4
  ret void
}

; At the beginning and in the child of a fork: no threads, nothing locked.
define void @reset() nounwind {
  store i64 0, ptr @started
  store i64 0, ptr @sleepers
  store i64 0, ptr @running
  store i64 0, ptr @stopping
  call i32 @pthread_mutex_init(ptr @mutex, ptr null)
  call i32 @pthread_cond_init(ptr @wake, ptr null)
  store atomic i32 0, ptr @lock release, align 4
  ret void
}

declare i64 @llvm.umax.i64(i64, i64)
declare i64 @llvm.umin.i64(i64, i64)
"""
