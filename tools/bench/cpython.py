# SPDX-License-Identifier: MIT
"""
The other side of peer_cpython.c, which runs this as python3 -c:

    tasks COUNT SIZE WORKERS WINDOW   apply_async with so many under way; 0: map
    late WHAT COUNT TIMEOUT           timeouts, in nanoseconds: how late each of them ends
    there                             it is: 1

Prints what it was told to measure, by its own clocks, without what it takes to begin: for
tasks the nanoseconds, those of processors, and the sum of the results' hashes; for late the
nanoseconds of processors, and each lateness.
"""

import collections
import multiprocessing
import queue
import resource
import struct
import sys
import time

WORD = 2**64 - 1


def messages(count, size):
    """As bench_fill() in message.h writes them."""
    words = size // 8
    pack = struct.Struct(f"={words}Q").pack
    return [
        pack(*((i * words + k + 1) * 0x9E3779B97F4A7C15 & WORD for k in range(words)))
        for i in range(count)
    ]


def hashed(message):
    """As bench_hash()."""
    value = 0
    for (word,) in struct.iter_unpack("=Q", message):
        value = (value << 7 | value >> 57) & WORD ^ word
    return value ^ value >> 32


def signed(word):
    return word - 2**64 if word >> 63 else word


def cpu_ns():
    """Of this process, and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return int(sum(u.ru_utime + u.ru_stime for u in used) * 1e9)


def echo(message):
    return message


def apply_all(pool, arguments, window):
    results = []
    under_way = collections.deque()
    for argument in arguments:
        if len(under_way) == window:
            results.append(under_way.popleft().get())
        under_way.append(pool.apply_async(echo, (argument,)))
    results.extend(r.get() for r in under_way)
    return results


def tasks(count, size, workers, window):
    arguments = messages(count, size)
    pool = multiprocessing.get_context("fork").Pool(workers)
    pool.map(echo, arguments[:1] * workers, 1)
    cpu = cpu_ns()
    begin = time.monotonic_ns()
    if window:
        results = apply_all(pool, arguments, window)
    else:
        results = pool.map(echo, arguments, 1)
    wall = time.monotonic_ns() - begin
    pool.close()
    pool.join()
    print(wall, cpu_ns() - cpu, signed(sum(map(hashed, results)) & WORD))


def late(what, count, timeout):
    context = multiprocessing.get_context("fork")
    seconds = timeout / 1e9
    if what == "get":
        q = context.Queue()

        def wait():
            try:
                q.get(timeout=seconds)
            except queue.Empty:
                pass

        end = q.close
    elif what == "join":
        p = context.Process(target=time.sleep, args=(3600,))
        p.start()
        end = p.kill

        def wait():
            p.join(seconds)

    elif what == "result":
        pool = context.Pool(1)
        result = pool.apply_async(time.sleep, (3600,))
        end = pool.terminate

        def wait():
            result.wait(seconds)

    elif what == "condition":
        condition = context.Condition()
        condition.acquire()
        end = condition.release

        def wait():
            condition.wait(seconds)

    elif what == "event":
        event = context.Event()
        end = int

        def wait():
            event.wait(seconds)

    wait()
    cpu = cpu_ns()
    seen = []
    for _ in range(count):
        begin = time.monotonic_ns()
        wait()
        seen.append(time.monotonic_ns() - begin - timeout)
    print(cpu_ns() - cpu, *seen)
    end()


if sys.argv[1] == "tasks":
    tasks(*map(int, sys.argv[2:]))
elif sys.argv[1] == "late":
    late(sys.argv[2], *map(int, sys.argv[3:]))
else:
    print(1)
