# SPDX-License-Identifier: MIT
"""
The other side of peer_cpython.c, which runs this as python3 -c:

    tasks COUNT SIZE WORKERS WINDOW   apply_async with so many under way; 0: map
    late WHAT COUNT TIMEOUT           timeouts, in nanoseconds: how late each of them ends
    processes COUNT SIZE CAPACITY PRODUCERS CONSUMERS
                                      a Queue between processes
    bounce COUNT SIZE CAPACITY        there and back, by two Queues
    there                             it is: 1

Prints what it was told to measure, by its own clocks, without what it takes to begin: for
tasks and processes the nanoseconds, those of processors, and the sum of the hashes of what
has come; for late the nanoseconds of processors, and each lateness; for bounce those, the
sum, and each round trip.

Messages are written before the clock starts, and hashed when it has stopped: both are slow
here, and not what is to be compared.
"""

import array
import collections
import functools
import multiprocessing
import os
import queue
import resource
import signal
import struct
import sys
import time

WORD = 2**64 - 1
FACTOR = 0x9E3779B97F4A7C15

# Who is left alone does not wait for ever.
LIMIT_SECONDS = 60

# bench_hash() reads so many words at a time: half of them are the even ones, half the odd ones.
STEP = 8
HALF = STEP // 2

# Such a half as one number: each of its words with 64 bits of room for what is carried.
BITS = 128 * HALF
ALL = (1 << BITS) - 1


def messages(first, count, size):
    """
    As bench_fill() in message.h writes them. All words of a message are one long number, to
    which another is added word by word: nothing is carried from the highest bit of each.
    """
    words = size // 8
    ones = (2 ** (64 * words) - 1) // WORD
    high = ones << 63
    low = ones * WORD ^ high
    steps = struct.pack(f"={words}Q", *((k + 1) * FACTOR & WORD for k in range(words)))
    steps = int.from_bytes(steps, sys.byteorder)

    def message(i):
        base = (i * words * FACTOR & WORD) * ones
        sums = (base & low) + (steps & low) ^ (base ^ steps) & high
        return sums.to_bytes(size, sys.byteorder)

    return [message(i) for i in range(first, first + count)]


def lowest_first(message):
    """One number of all its words, the first of which is the lowest."""
    words = array.array("Q", message)
    if sys.byteorder == "big":
        words.byteswap()
    return int.from_bytes(words, "little")


def added(steps, count):
    """The sum of so many, each BITS long: of half of them and the other half, as one number."""
    rest = 0
    while count > 1:
        if count % 2:
            rest += steps & ALL
            steps >>= BITS
        count //= 2
        steps = (steps & (1 << BITS * count) - 1) + (steps >> BITS * count)
    return steps + rest


def sums(steps, count):
    """As added(), and the sum of the first, of the first two, ... of all, together."""
    total, totals = added(steps, count), 0
    while count:
        if count % 2:
            totals += (steps & ALL) * count
            steps >>= BITS
        count //= 2
        first = steps & (1 << BITS * count) - 1
        totals += added(first, count) * count
        steps = first + (steps >> BITS * count)
    return total, totals


def mixed(value, word):
    return (value << 7 | value >> 57) & WORD ^ word


def hashed(message):
    """As bench_hash()."""
    count = len(message) // (8 * STEP)
    steps, rest = message[: 8 * STEP * count], message[8 * STEP * count :]
    words = []
    if count:
        steps = lowest_first(steps)
        evens = int.from_bytes((b"\xff" * 8 + bytes(8)) * (HALF * count), "little")
        even, odd = sums(steps & evens, count), sums(steps >> 64 & evens, count)
        for at in range(0, BITS, 128):
            for of_even, of_odd in zip(even, odd):
                words += (of_even >> at & WORD, of_odd >> at & WORD)
    words += struct.unpack(f"={len(rest) // 8}Q", rest)
    value = functools.reduce(mixed, words, 0)
    return value ^ value >> 32


def signed(number):
    """Its last word."""
    word = number & WORD
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
    arguments = messages(0, count, size)
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
    print(wall, cpu_ns() - cpu, signed(sum(map(hashed, results))))


def put_all(q, sent):
    for message in sent:
        q.put(message)
    q.close()
    q.join_thread()
    return [], []


def get_all(q, count):
    return [q.get() for _ in range(count)], []


def serve(out, back, sent):
    received, at = [], [time.monotonic_ns()]
    for message in sent:
        out.put(message)
        received.append(back.get())
        at.append(time.monotonic_ns())
    return received, at


def send_back(out, back, count):
    for _ in range(count):
        back.put(out.get())
    back.close()
    back.join_thread()
    return [], []


def together(parts):
    """
    Processes, each of which does a part: a function and its arguments. They wait at a line as
    in cast.c. Returns when they were let go, and of each: when it was through, its processor
    time, the sum of what it has got, and its times.
    """
    context = multiprocessing.get_context("fork")
    outcomes = [context.SimpleQueue() for _ in parts]
    ready, go = os.pipe(), os.pipe()

    def take_part(outcome, do, *arguments):
        signal.alarm(LIMIT_SECONDS)
        os.close(go[1])
        os.write(ready[1], b".")
        os.read(go[0], 1)
        cpu = time.process_time_ns()
        received, times = do(*arguments)
        end = time.monotonic_ns()
        cpu = time.process_time_ns() - cpu
        outcome.put((end, cpu, sum(map(hashed, received)), times))

    for outcome, part in zip(outcomes, parts):
        context.Process(target=take_part, args=(outcome, *part)).start()
    for _ in parts:
        os.read(ready[0], 1)
    begin = time.monotonic_ns()
    os.close(go[1])
    return begin, [outcome.get() for outcome in outcomes]


def processes(count, size, capacity, producers, consumers):
    def share(shares, i):
        return count * i // shares, count * (i + 1) // shares - count * i // shares

    q = multiprocessing.get_context("fork").Queue(capacity)
    parts = [(put_all, q, messages(*share(producers, i), size)) for i in range(producers)]
    parts += [(get_all, q, share(consumers, i)[1]) for i in range(consumers)]
    begin, outcomes = together(parts)
    ends, cpus, sums, _ = zip(*outcomes)
    print(max(ends[producers:]) - begin, sum(cpus), signed(sum(sums)))


def bounce(count, size, capacity):
    context = multiprocessing.get_context("fork")
    out, back = context.Queue(capacity), context.Queue(capacity)
    parts = [(serve, out, back, messages(0, count, size)), (send_back, out, back, count)]
    _, outcomes = together(parts)
    _, cpus, sums, times = zip(*outcomes)
    at = times[0]
    print(sum(cpus), signed(sums[0]), *(now - before for before, now in zip(at, at[1:])))


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
        p = context.Process(target=time.sleep, args=(LIMIT_SECONDS,))
        p.start()
        end = p.kill

        def wait():
            p.join(seconds)

    elif what == "result":
        pool = context.Pool(1)
        result = pool.apply_async(time.sleep, (LIMIT_SECONDS,))
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
elif sys.argv[1] == "processes":
    processes(*map(int, sys.argv[2:]))
elif sys.argv[1] == "bounce":
    bounce(*map(int, sys.argv[2:]))
else:
    print(1)
