// SPDX-License-Identifier: GPL-2.0
/*
 * Mappings of queues: made, worked on as the library does, scribbled over, and treated in
 * all ways in which a program can treat its memory; also while a call is at work on it.
 */
#include "kernel_world.h"
#include "kernel_watch.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <fcntl.h>
#include <time.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { PAGE = 4096 };

static const int advices[] = { MADV_DONTNEED, MADV_DOFORK, MADV_DONTFORK, MADV_REMOVE, MADV_FREE,
	MADV_PAGEOUT, MADV_COLD, MADV_WILLNEED, MADV_HUGEPAGE, MADV_MERGEABLE,
	MADV_POPULATE_WRITE, MADV_POPULATE_READ, MADV_COLLAPSE, MADV_DODUMP, MADV_WIPEONFORK };

static int some_advice(uint8_t b)
{
	return advices[b % (sizeof(advices) / sizeof(advices[0]))];
}

/* By the kernel always; but a program that touches it would be killed. */
static bool is_in_reach(const struct mapping *m)
{
	return m->bytes && !m->gone && !m->locked;
}

void drop_map(struct mapping *m)
{
	if (m->bytes)
		never(munmap(m->ring.hdr, m->bytes));
	*m = (struct mapping){ };
}

void do_mmap(void)
{
	int q = some_fd();
	struct mapping *m = some_map();
	struct pyqueue_stat st = { .size = sizeof(st) };
	struct pyqueue_owner owner = { .size = sizeof(owner) };
	uint8_t how = byte();
	bool is_private = how % 16 == 3, is_behind = how % 16 == 4, is_exec = how % 16 == 5;
	int prot = PROT_READ | (how % 8 == 2 ? 0 : PROT_WRITE) | (is_exec ? PROT_EXEC : 0);
	size_t size;
	void *at;

	drop_map(m);
	if (call(q, PYQUEUE_IOC_STAT, &st))
		return;
	size = st.map_bytes;
	if (how % 16 == 1)
		size = number() % (1 << 24);
	at = mmap(NULL, size, prot, is_private ? MAP_PRIVATE : MAP_SHARED, q, is_behind ? PAGE : 0);
	count(CALLS);
	if (at == MAP_FAILED)
		return;
	never(is_private || is_behind || is_exec);
	never((size + PAGE - 1) / PAGE * PAGE != st.map_bytes);
	owner.addr = (uintptr_t)at;
	/* Without writing no step of the ring's may be made. */
	if (call(q, PYQUEUE_IOC_OWNER, &owner) || how % 8 == 2) {
		munmap(at, size);
		return;
	}
	m->bytes = st.map_bytes;
	pyq_ring_init(&m->ring, at, st.maxsize ?: st.slots,
		      st.payload + sizeof(struct pyqueue_slot), owner.owner);
}

/* It cannot be moved, shrink, grow or be had twice. */
static void do_mremap(const struct mapping *m)
{
	char *at = (char *)m->ring.hdr;
	void *to;

	switch (byte() % 7) {
	case 0: to = mremap(at, m->bytes, m->bytes + PAGE, MREMAP_MAYMOVE); break;
	case 1: to = mremap(at, m->bytes, m->bytes - PAGE, 0); break;
	case 2: to = mremap(at, 0, m->bytes, MREMAP_MAYMOVE); break;
	case 3: to = mremap(at, m->bytes, m->bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP); break;
	case 4: to = mremap(at + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, ELSEWHERE); break;
	case 5:
		to = mremap(at, m->bytes, m->bytes, MREMAP_MAYMOVE);
		never(to != at);
		to = MAP_FAILED;
		break;
	default: /* only here the module is asked */
		to = mremap(at, m->bytes, m->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, ELSEWHERE);
	}
	count(CALLS);
	never(to != MAP_FAILED);
}

static void do_mprotect(struct mapping *m)
{
	static const int prots[] = { PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE,
		PROT_READ | PROT_WRITE | PROT_EXEC };
	int prot = prots[byte() % 4];
	uint8_t how = byte();

	if (how % 4 == 0) {
		/* A part; which may be what it is already. */
		if (!did(mprotect((char *)m->ring.hdr + how / 4 * PAGE % m->bytes, PAGE, prot)))
			never(is_in_reach(m) && prot != (PROT_READ | PROT_WRITE));
		return;
	}
	if (did(mprotect(m->ring.hdr, m->bytes, prot)))
		return;
	never(prot & PROT_EXEC);
	m->locked = prot != (PROT_READ | PROT_WRITE);
}

static void do_madvise(struct mapping *m)
{
	int advice = some_advice(byte());
	uint8_t how = byte();
	long ret;

	if (how % 4)
		ret = did(madvise(m->ring.hdr, m->bytes, advice));
	else
		ret = did(madvise((char *)m->ring.hdr + how / 4 * PAGE % m->bytes, PAGE, advice));
	if (!ret && advice == MADV_DONTNEED)
		m->gone = true;
}

/* Pages of it in a pipe: they outlive the mapping and the queue. */
static void do_vmsplice(const struct mapping *m)
{
	struct iovec vec = { (char *)m->ring.hdr + number() % m->bytes, byte() * 64 };

	if (world.pipe[0] < 0 && pipe2(world.pipe, O_CLOEXEC | O_NONBLOCK))
		return;
	did(vmsplice(world.pipe[1], &vec, 1, SPLICE_F_NONBLOCK));
	if (byte() % 4 == 0)
		did(read(world.pipe[0], address(), number() % BUF));
}

static void do_foreign(const struct mapping *m)
{
	struct iovec mine = { address(), byte() };
	struct iovec there = { (char *)m->ring.hdr + number() % m->bytes, mine.iov_len };

	if (byte() % 2)
		did(process_vm_writev(getpid(), &mine, 1, &there, 1, 0));
	else
		did(process_vm_readv(getpid(), &mine, 1, &there, 1, 0));
}

void do_memory(void)
{
	struct mapping *m = some_map();
	char *at = (char *)m->ring.hdr;
	uint8_t how = byte();
	unsigned char in_core;

	if (!m->bytes)
		return;
	switch (how % 12) {
	case 0: drop_map(m); break;
	case 1: never(!did(munmap(at + m->bytes - PAGE, PAGE))); break;
	case 2: never(!did(munmap(at + m->bytes / PAGE / 2 * PAGE, PAGE))); break;
	case 3: never(!did(munmap(at, PAGE))); break;
	case 4:
	case 5: do_madvise(m); break;
	case 6: do_mprotect(m); break;
	case 7:
	case 8: do_mremap(m); break;
	case 9: do_vmsplice(m); break;
	case 10: do_foreign(m); break;
	default:
		did(msync(at, m->bytes, MS_SYNC));
		did(mincore(at, PAGE, &in_core));
		did(how & 16 ? mlock(at, m->bytes) : mlock2(at, PAGE, MLOCK_ONFAULT));
		if (how & 32)
			did(munlock(at, m->bytes));
	}
}

/* A step of the ring's own, as the library takes it. */
void do_ring(void)
{
	struct mapping *m = some_map();
	struct pyq_ring *r = &m->ring;
	struct pyq_op *op = &m->op;
	uint8_t how = byte();

	if (!is_in_reach(m))
		return;
	op->freed = false;
	if (!m->holds) {
		m->holds = how & 1 ? !pyq_ring_claim_put(r, op) :
				     !pyq_ring_claim_get(r, op, UINT64_MAX);
		return;
	}
	m->holds = false;
	switch (how % 5) {
	case 0: pyq_ring_publish(r, op, how, how & 16 ? PYQUEUE_SLOT_INDIRECT : 0); break;
	case 1: pyq_ring_abort(r, op); break;
	case 2: pyq_ring_release(r, op); break;
	case 3: pyq_ring_give_back(r, op); break;
	default: break; /* it is left there */
	}
}

void do_scribble(void)
{
	struct mapping *m = some_map();
	__u64 *words, value;
	uint8_t how = byte();

	if (!is_in_reach(m))
		return;
	words = how & 1 ? &pyq_ring_slot(&m->ring, byte())->word :
			  (__u64 *)m->ring.hdr + byte() % 128;
	value = __atomic_load_n(words, __ATOMIC_RELAXED);
	switch (how >> 1 & 7) {
	case 0: value++; break;
	case 1: value--; break;
	case 2: value ^= 1ULL << byte() % 64; break;
	case 3: value ^= PYQUEUE_CLOSED; break;
	case 4: value = pyq_word(pyq_word_lap(value) + byte() % 3 - 1, byte() % 8, byte(),
				 byte() % 3 ? 0 : PYQUEUE_SLOT_INDIRECT, byte() % 8); break;
	case 5: value += 1ULL << 32; break;
	case 6: value = (value & ~0xffULL) | byte(); break;
	default: value = number();
	}
	__atomic_store_n(words, value, __ATOMIC_RELAXED);
}

/* --- memory that comes and goes under a call ---------------------------------------- */

enum { STEPS = 8 };

struct disturber {
	int q;
	size_t bytes;
	uint8_t steps[STEPS];
	pthread_barrier_t begins;
	bool stop;
};

static void disturb(const struct disturber *d, uint8_t step)
{
	const int queue = MAP_SHARED | MAP_FIXED, nothing = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
	const int rw = PROT_READ | PROT_WRITE;

	switch (step % 8) {
	case 0: did(munmap(LOOSE, d->bytes)); break;
	/* Both of these may unmap what was there on the way. */
	case 1: did(mmap(LOOSE, d->bytes, rw, nothing, -1, 0) == LOOSE); break;
	case 2:
	case 3: did(mmap(LOOSE, d->bytes, rw, queue, d->q, 0) == LOOSE); break;
	case 4: did(madvise(LOOSE, d->bytes, some_advice(step / 8))); break;
	case 5: did(mprotect(LOOSE, d->bytes, step & 8 ? PROT_NONE : rw)); break;
	case 6: did(munmap(LOOSE + d->bytes - PAGE, PAGE)); break;
	default:
		did(mremap(LOOSE, d->bytes, d->bytes, MREMAP_MAYMOVE | MREMAP_FIXED, ELSEWHERE) ==
		    ELSEWHERE);
		munmap(ELSEWHERE, d->bytes); /* what was no queue could be moved */
	}
}

static void *disturb_until_stopped(void *arg)
{
	struct disturber *d = arg;

	watch_other(WATCH_THREAD);
	pthread_barrier_wait(&d->begins);
	do {
		for (int i = 0; i < STEPS; i++)
			disturb(d, d->steps[i]);
	} while (!__atomic_load_n(&d->stop, __ATOMIC_ACQUIRE));
	return NULL;
}

/* Somebody unmaps and maps while calls are at work on what is there. */
static void call_with_loose(int q)
{
	struct pyqueue_owner owner = { .size = sizeof(owner), .addr = (uintptr_t)address() };
	struct pyqueue_wake wake = { .size = sizeof(wake), .flags = byte() % 64, .count = byte() };
	struct mapping *m = some_map();
	struct pyqueue_fetch fetch = { .size = sizeof(fetch), .flags = byte() % 4,
		.position = m->op.pos, .word = m->op.word, .buf = (uintptr_t)address(),
		.len = number() };
	struct pyqueue_put put = { .size = sizeof(put), .deadline_ns = deadline(),
		.buf = (uintptr_t)address(), .len = number() };
	struct pyqueue_get get = { .size = sizeof(get), .deadline_ns = deadline(),
		.buf = (uintptr_t)address(), .len = number() };

	switch (byte() % 6) {
	case 0: call(q, PYQUEUE_IOC_OWNER, &owner); break;
	case 1: call(q, PYQUEUE_IOC_WAKE, &wake); break;
	case 2: call(q, PYQUEUE_IOC_FETCH, &fetch); break;
	case 3: call(q, PYQUEUE_IOC_PUT, &put); break;
	case 4: call(q, PYQUEUE_IOC_GET, &get); break;
	default: call(q, PYQUEUE_IOC_STAT, address()); /* the argument itself */
	}
}

void do_thread(void)
{
	struct pyqueue_stat st = { .size = sizeof(st) };
	struct disturber d = { .q = some_fd() };
	struct timespec end;
	pthread_t thread;
	void *at;

	if (call(d.q, PYQUEUE_IOC_STAT, &st) || !st.map_bytes)
		return;
	d.bytes = st.map_bytes;
	at = mmap(LOOSE, d.bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, d.q, 0);
	if (at != LOOSE)
		return;
	for (int i = 0; i < STEPS; i++)
		d.steps[i] = byte();
	pthread_barrier_init(&d.begins, NULL, 2);
	if (!pthread_create(&thread, NULL, disturb_until_stopped, &d)) {
		count(THREADS);
		world.loose = d.bytes;
		pthread_barrier_wait(&d.begins);
		for (int n = byte() % 16 + 1; n; n--)
			call_with_loose(byte() % 4 ? d.q : some_fd());
		world.loose = 0;
		__atomic_store_n(&d.stop, true, __ATOMIC_RELEASE);
		clock_gettime(CLOCK_REALTIME, &end);
		end.tv_sec += 60;
		never(pthread_timedjoin_np(thread, NULL, &end));
	}
	pthread_barrier_destroy(&d.begins);
	never(munmap(LOOSE, d.bytes));
}
