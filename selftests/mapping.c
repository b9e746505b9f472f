// SPDX-License-Identifier: GPL-2.0
/* Mapping a queue: who may, what the mapping is, and the calls of those who have one. */
#include "actors.h"
#include "mapped.h"

#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#define PAGE 4096

FIXTURE(mapping) {
	int dev;
	int q;
	size_t size;
};

FIXTURE_SETUP(mapping)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	ASSERT_LE(0, self->q);
	self->size = pq_stat(self->q).map_bytes;
}

FIXTURE_TEARDOWN(mapping)
{
	close(self->q);
	close(self->dev);
}

/* 0, or -errno: mmap() as asked, and gone again. */
static int try_map(int fd, size_t size, int prot, int flags, off_t offset)
{
	void *at = mmap(NULL, size, prot, flags, fd, offset);

	if (at == MAP_FAILED)
		return -errno;
	return munmap(at, size);
}

#define RW (PROT_READ | PROT_WRITE)

/* proves: MMAP -EPERM, MMAP -EACCES, MMAP -EINVAL, MMAP -ENOMEM, MAPPED -EBADF */
TEST_F(mapping, who_may)
{
	int sealed = pq_create(self->dev, .maxsize = 4, .flags = PYQUEUE_SEALED);
	int other;

	EXPECT_EQ(2 * PAGE, self->size); /* header, and 4 slots of 64 bytes */
	EXPECT_EQ(0, try_map(self->q, self->size, RW, MAP_SHARED, 0));
	EXPECT_EQ(0, try_map(self->q, self->size, PROT_READ, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(self->q, self->size, RW, MAP_PRIVATE, 0));
	EXPECT_EQ(-EINVAL, try_map(self->q, PAGE, RW, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(self->q, self->size + PAGE, RW, MAP_SHARED, 0));
	EXPECT_EQ(-EINVAL, try_map(self->q, PAGE, RW, MAP_SHARED, PAGE));
	EXPECT_EQ(-EPERM, try_map(self->q, self->size, RW | PROT_EXEC, MAP_SHARED, 0));

	EXPECT_EQ(-ENOMEM, reap(child(({
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_AS, &none);
		try_map(self->q, self->size, RW, MAP_SHARED, 0);
	}))));

	EXPECT_EQ(0, pq_stat(sealed).map_bytes);
	EXPECT_EQ(-EPERM, try_map(sealed, self->size, RW, MAP_SHARED, 0));
	close(sealed);

	other = pq_create_named(self->dev, "mapping", .maxsize = 4, .payload = 48);
	ASSERT_LE(0, other);
	EXPECT_EQ(0, try_map(other, self->size, RW, MAP_SHARED, 0));
	close(other);
	for (unsigned int access = PYQUEUE_READ; access <= PYQUEUE_WRITE; access <<= 1) {
		other = pq_open(self->dev, "mapping", access);
		ASSERT_LE(0, other);
		EXPECT_EQ(-EACCES, try_map(other, self->size, RW, MAP_SHARED, 0));
		EXPECT_EQ(-EACCES, try_map(other, self->size, PROT_READ, MAP_SHARED, 0));
		EXPECT_EQ(-EBADF, pq_wake(other, PYQUEUE_WAKE_GETTERS, 1));
		EXPECT_EQ(-EBADF, pq_await(other, PYQUEUE_READ, PYQUEUE_NOWAIT));
		close(other);
	}
	EXPECT_EQ(0, pq_unlink(self->dev, "mapping"));

	/* Named for others too: sealed, unless that is asked for. */
	other = pq_create(self->dev, .maxsize = 4, .payload = 48, .name = (uintptr_t)"mapping",
			  .name_len = 7, .mode = 0666);
	EXPECT_EQ(-EPERM, try_map(other, self->size, RW, MAP_SHARED, 0));
	close(other);
	EXPECT_EQ(0, pq_unlink(self->dev, "mapping"));
	other = pq_create(self->dev, .maxsize = 4, .payload = 48, .name = (uintptr_t)"mapping",
			  .name_len = 7, .mode = 0666, .flags = PYQUEUE_MAPPABLE);
	EXPECT_EQ(0, try_map(other, self->size, RW, MAP_SHARED, 0));
	close(other);
	EXPECT_EQ(0, pq_unlink(self->dev, "mapping"));
}

TEST_F(mapping, owners)
{
	char *first = map_pages(self->q), *second = map_pages(self->q);
	int other = pq_create(self->dev, .maxsize = 4, .payload = 48);
	void *others = map_pages(other);

	EXPECT_EQ(2, pq_stat(self->q).owners);
	EXPECT_EQ(1, owner_of(self->q, first));
	EXPECT_EQ(1, owner_of(self->q, first + 2 * PAGE - 1));
	EXPECT_EQ(2, owner_of(self->q, second));
	EXPECT_EQ(1, owner_of(other, others));
	EXPECT_EQ(-ENXIO, owner_of(self->q, others));
	EXPECT_EQ(-ENXIO, owner_of(self->q, NULL));
	EXPECT_EQ(-ENXIO, owner_of(self->q, (void *)~0UL));
	EXPECT_EQ(-ENXIO, owner_of(self->q, &other));
	/* Free, and the first to be given out again. */
	EXPECT_EQ(0, munmap(first, self->size));
	EXPECT_EQ(-ENXIO, owner_of(self->q, first));
	EXPECT_EQ(1, pq_stat(self->q).owners);
	first = map_pages(self->q);
	EXPECT_EQ(1, owner_of(self->q, first));
	EXPECT_EQ(0, munmap(first, self->size));
	EXPECT_EQ(0, munmap(second, self->size));
	EXPECT_EQ(0, pq_stat(self->q).owners);
	/* The mapping holds the queue. */
	EXPECT_EQ(0, close(other));
	EXPECT_EQ(0, memcmp(others, "pyqueue1", 8));
	EXPECT_EQ(0, munmap(others, self->size));
}

/* proves: MMAP -EUSERS */
TEST_F(mapping, too_many)
{
	static void *at[PYQUEUE_OWNERS_MAX];

	for (int i = 0; i < PYQUEUE_OWNERS_MAX; i++) {
		at[i] = map_pages(self->q);
		ASSERT_NE(MAP_FAILED, at[i]) TH_LOG("%d", i);
	}
	EXPECT_EQ(PYQUEUE_OWNERS_MAX, pq_stat(self->q).owners);
	EXPECT_EQ(-EUSERS, try_map(self->q, self->size, RW, MAP_SHARED, 0));
	EXPECT_EQ(0, munmap(at[1000], self->size));
	at[1000] = map_pages(self->q);
	EXPECT_EQ(1001, owner_of(self->q, at[1000]));
	for (int i = 0; i < PYQUEUE_OWNERS_MAX; i++)
		munmap(at[i], self->size);
	EXPECT_EQ(0, pq_stat(self->q).owners);
}

/* It is there whole, at its place, or not at all. */
TEST_F(mapping, cannot_be_changed)
{
	char *at = map_pages(self->q);
	struct pyq_op op;
	struct pyq_ring r;

	EXPECT_EQ(-1, munmap(at, PAGE));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, munmap(at + PAGE, PAGE));
	EXPECT_EQ(MAP_FAILED, mremap(at, self->size, 2 * self->size, MREMAP_MAYMOVE));
	EXPECT_EQ(MAP_FAILED, mremap(at, self->size, PAGE, 0));
	EXPECT_EQ(MAP_FAILED, mremap(at, 0, self->size, MREMAP_MAYMOVE));
	EXPECT_EQ(-1, mprotect(at, PAGE, PROT_READ));
	EXPECT_EQ(-1, mprotect(at, self->size, RW | PROT_EXEC));

	/* A move that is refused on the way does not make its owner a dead one. */
	pyq_ring_init(&r, at, 4, 64, owner_of(self->q, at));
	EXPECT_EQ(0, pyq_ring_claim_put(&r, &op));
	EXPECT_EQ(MAP_FAILED, mremap(at, self->size, self->size, MREMAP_MAYMOVE | MREMAP_FIXED,
				     at + (1 << 30)));
	EXPECT_EQ(1, pq_stat(self->q).owners);
	EXPECT_EQ(0, pyq_ring_publish(&r, &op, 0, 0));
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(0, munmap(at, self->size));
}

/* A child has a hole there, and no owner number of its own. */
TEST_F(mapping, forked)
{
	struct pyq_ring r;
	char *at;

	ASSERT_EQ(1, map_ring(self->q, &r));
	at = (char *)r.hdr;
	EXPECT_EQ(KILLED_BY(SIGSEGV), reap(child(*(volatile char *)at)));
	EXPECT_EQ(0, reap(child(({
		struct pyq_ring own;

		owner_of(self->q, at) != -ENXIO ? -1 : map_ring(self->q, &own) == 2 ? 0 : -2;
	}))));
	EXPECT_EQ(1, pq_stat(self->q).owners);
	EXPECT_EQ(0, unmap_ring(self->q, &r));
}

/*
 * MADV_DOFORK gives a child its parent's number. What either leaves is settled when it
 * goes, and the number is not given to another before both have.
 */
TEST_F(mapping, forked_all_the_same)
{
	struct pyq_ring r, other;
	int go[2];
	pid_t heir;
	char c;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(0, madvise(r.hdr, self->size, MADV_DOFORK));
	EXPECT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, pq_put(self->q, "y", 1, PYQUEUE_NOWAIT));
	heir = child(({
		close(go[1]);
		/* Until its parent's mapping is gone. */
		read(go[0], &c, 1) ? -1 : claim_get(&r);
	}));
	close(go[0]);
	EXPECT_EQ(0, claim_get(&r));
	EXPECT_EQ(0, unmap_ring(self->q, &r));
	EXPECT_EQ(2, map_ring(self->q, &other));
	/* The one that the parent had in hand is there again. */
	EXPECT_EQ(2, pq_qsize(self->q));
	close(go[1]);
	EXPECT_EQ(0, reap(heir));
	EXPECT_EQ(2, pq_qsize(self->q));
	EXPECT_EQ(1, pq_stat(self->q).owners);
	EXPECT_EQ(0, unmap_ring(self->q, &other));
}

/* But for the first slot, whose position is the next lap's. */
static int claim_all_but_one(struct pyq_ring *r)
{
	for (uint64_t pos = 1; pos < r->maxsize; pos++)
		if (claim_put(r))
			return -1;
	return 0;
}

/* Claim the first slot once the walk over the parent's has come past it, and go at once. */
static int claim_behind_a_walk(struct pyq_ring *r, size_t size)
{
	while (pyq_word_state(load(&pyq_ring_slot(r, 1)->word)) == PYQUEUE_WRITING)
		;
	return claim_put(r) || munmap(r->hdr, size);
}

/*
 * The parent dies, and while what it has left is being settled the child claims a slot
 * that has been looked at already, and goes before the parent is gone.
 */
TEST_F(mapping, forked_and_gone_during_a_walk)
{
	int q = pq_create(self->dev, .maxsize = 1 << 18, .payload = 48);
	size_t size = pq_stat(q).map_bytes;
	char c;

	ASSERT_LE(0, q);
	ASSERT_EQ(0, pq_put(q, "x", 1, PYQUEUE_NOWAIT));
	ASSERT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(child(({
		struct pyq_ring r;
		int err = map_ring(q, &r) < 0 || claim_all_but_one(&r) ||
			  madvise(r.hdr, size, MADV_DOFORK);

		if (!err && !fork())
			_exit(claim_behind_a_walk(&r, size));
		err;
	}))));
	ASSERT_TRUE(eventually(!pq_stat(q).owners));
	EXPECT_EQ(0, pq_put(q, "y", 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ('y', c);
	close(q);
}

/* --- calls -------------------------------------------------------------------- */

/* proves: MAPPED -EPERM, OWNER -ENXIO, WAKE -EINVAL, AWAIT -EINVAL */
TEST_F(mapping, bad_arguments)
{
	struct pyqueue_owner owner = { .size = sizeof(owner), .pad = 1 };
	struct pyqueue_wake wake = { .size = sizeof(wake), .flags = PYQUEUE_WAKE_GETTERS, .pad = 1 };
	int sealed = pq_create(self->dev, .maxsize = 4, .flags = PYQUEUE_SEALED);
	struct pyq_op op = { 0 };

	EXPECT_EQ(-EINVAL, pq_ioctl(self->q, PYQUEUE_IOC_OWNER, &owner));
	owner = (struct pyqueue_owner){ .size = sizeof(owner), .flags = 1 };
	EXPECT_EQ(-EOPNOTSUPP, pq_ioctl(self->q, PYQUEUE_IOC_OWNER, &owner));
	EXPECT_EQ(-EPERM, owner_of(sealed, NULL));

	EXPECT_EQ(-EINVAL, pq_ioctl(self->q, PYQUEUE_IOC_WAKE, &wake));
	EXPECT_EQ(-EINVAL, pq_wake(self->q, 0, 1));
	EXPECT_EQ(-EOPNOTSUPP, pq_wake(self->q, 1U << 31, 1));
	EXPECT_EQ(-EPERM, pq_wake(sealed, PYQUEUE_WAKE_GETTERS, 1));
	/* As many as one likes. */
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS | PYQUEUE_WAKE_PUTTERS, 0));
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS | PYQUEUE_WAKE_PUTTERS |
			     PYQUEUE_WAKE_JOINERS | PYQUEUE_WAKE_POLL_IN | PYQUEUE_WAKE_POLL_OUT,
			     ~0U));

	EXPECT_EQ(-EINVAL, pq_await(self->q, 0, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EINVAL, pq_await(self->q, PYQUEUE_READ | PYQUEUE_WRITE, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EOPNOTSUPP, pq_await(self->q, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EPERM, pq_await(sealed, PYQUEUE_READ, PYQUEUE_NOWAIT));

	EXPECT_EQ(-EINVAL, pq_fetch(self->q, 0, &op, NULL, 0));
	EXPECT_EQ(-EOPNOTSUPP, pq_fetch(self->q, 1U << 31, &op, NULL, 0));
	EXPECT_EQ(-EPERM, pq_fetch(sealed, PYQUEUE_FETCH_COPY, &op, NULL, 0));
	/* Of the kernel's own claims nothing can be had, nor of what is no claim. */
	for (unsigned int state = 0; state < 16; state++) {
		op.word = pyq_word(0, 0, 0, PYQUEUE_SLOT_INDIRECT, state);
		EXPECT_EQ(-EINVAL, pq_fetch(self->q, PYQUEUE_FETCH_COPY, &op, NULL, 0));
	}
	op.word = pyq_word(0, 1, 0, 0, PYQUEUE_READING);
	EXPECT_EQ(-EINVAL, pq_fetch(self->q, PYQUEUE_FETCH_COPY, &op, NULL, 0));
	op.word = pyq_word(1, 1, 0, PYQUEUE_SLOT_INDIRECT, PYQUEUE_READING);
	EXPECT_EQ(-EINVAL, pq_fetch(self->q, PYQUEUE_FETCH_COPY, &op, NULL, 0));
	op.pos = 4; /* of that lap, but nobody has claimed it */
	EXPECT_EQ(-EOWNERDEAD, pq_fetch(self->q, PYQUEUE_FETCH_RELEASE, &op, NULL, 0));
	EXPECT_EQ(0, pq_stat(self->q).flags & PYQUEUE_STAT_BROKEN);
	close(sealed);
}

/* A message that does not fit its slot, claimed in user space. */
/* proves: FETCH -EMSGSIZE, FETCH -EINVAL, FETCH -EOWNERDEAD, FETCH -EUCLEAN */
TEST_F(mapping, fetch)
{
	static char message[9000], room[9000];
	struct pyq_op op = { .freed = false };
	struct pyq_ring r;

	fill_pattern(message, sizeof(message), 1);
	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(0, pq_put(self->q, message, sizeof(message), PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pyq_ring_claim_get(&r, &op, UINT64_MAX));
	ASSERT_EQ(PYQUEUE_SLOT_INDIRECT, pyq_word_flags(op.word));
	EXPECT_EQ(sizeof(message), op.len);
	EXPECT_EQ(-EMSGSIZE, pq_fetch(self->q, PYQUEUE_FETCH_COPY, &op, room, 8999));
	EXPECT_EQ(-EFAULT, pq_fetch(self->q, PYQUEUE_FETCH_COPY | PYQUEUE_FETCH_RELEASE, &op,
				    memory_edge(PAGE) - PAGE, 9000));
	for (int i = 0; i < 2; i++) {
		memset(room, 0, sizeof(room));
		EXPECT_EQ(9000, pq_fetch(self->q, PYQUEUE_FETCH_COPY, &op, room, sizeof(room)));
		EXPECT_TRUE(has_pattern(room, sizeof(room), 1));
	}
	EXPECT_EQ(9000, pq_stat(self->q).large_bytes);
	EXPECT_EQ(9000, pq_fetch(self->q, PYQUEUE_FETCH_RELEASE, &op, NULL, 0));
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);
	EXPECT_EQ(-EOWNERDEAD, pq_fetch(self->q, PYQUEUE_FETCH_RELEASE, &op, NULL, 0));
	EXPECT_EQ(0, pq_qsize(self->q));

	/* Who dies with it in hand leaves it, with a count. */
	ASSERT_EQ(0, pq_put(self->q, message, sizeof(message), PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(child(({
		struct pyq_ring own;

		map_ring(self->q, &own) != 2 ? -1 : claim_get(&own);
	}))));
	struct pyqueue_get got;

	EXPECT_EQ(9000, pq_get_full(self->q, room, sizeof(room), PYQUEUE_NOWAIT, &got));
	EXPECT_EQ(2, got.deliveries);
	EXPECT_EQ(0, pq_stat(self->q).large_bytes);

	/* A claim that says it is of a large one, and there is none. */
	ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	ASSERT_EQ(0, pyq_ring_claim_get(&r, &op, UINT64_MAX));
	op.word |= PYQUEUE_SLOT_INDIRECT << PYQUEUE_WORD_FLAGS_SHIFT;
	store(&pyq_ring_slot(&r, op.pos)->word, op.word);
	EXPECT_EQ(-EUCLEAN, pq_fetch(self->q, PYQUEUE_FETCH_COPY, &op, room, sizeof(room)));
	EXPECT_EQ(PYQUEUE_STAT_BROKEN, pq_stat(self->q).flags);
	EXPECT_EQ(0, unmap_ring(self->q, &r));
}

/* Whoever finds it broken tells everybody. */
/* proves: PUT -EUCLEAN, GET -EUCLEAN, PUT_MANY -EUCLEAN, GET_MANY -EUCLEAN */
/* proves: JOIN -EUCLEAN, TASK_DONE -EUCLEAN */
/* proves: PYQUEUE_IOC_QSIZE -EUCLEAN, PYQUEUE_STAT_BROKEN -EUCLEAN */
TEST_F(mapping, broken)
{
	pid_t getter;
	char c = 'c';

	getter = child(pq_get(self->q, &c, 1, PYQUEUE_FOREVER));
	ASSERT_TRUE(wait_asleep(self->q, getters, 1, getter));
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_BROKEN, 0));
	EXPECT_EQ(-EUCLEAN, reap(getter));
	EXPECT_EQ(PYQUEUE_STAT_BROKEN, pq_stat(self->q).flags);
	EXPECT_EQ(-EUCLEAN, pq_put(self->q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EUCLEAN, pq_get(self->q, &c, 1, PYQUEUE_FOREVER));
	EXPECT_EQ(-EUCLEAN, put_up_to(self->q, 1));
	EXPECT_EQ(-EUCLEAN, get_up_to(self->q, 1));
	EXPECT_EQ(-EUCLEAN, pq_join(self->q, PYQUEUE_FOREVER));
	EXPECT_EQ(-EUCLEAN, pq_task_done(self->q, 1));
	EXPECT_EQ(-EUCLEAN, pq_qsize(self->q));
}

/* And if he dies before he has told them, they are told by his death. */
TEST_F(mapping, broken_and_not_told)
{
	pid_t getter;
	char c;

	getter = child(pq_get(self->q, &c, 1, SOON));
	ASSERT_TRUE(wait_asleep(self->q, getters, 1, getter));
	EXPECT_EQ(0, reap(child(({
		struct pyq_ring r;

		map_ring(self->q, &r) < 0 ? -1 :
			(pyq_or32(&r.hdr->detour, PYQUEUE_DETOUR_BROKEN), 0);
	}))));
	EXPECT_EQ(-EUCLEAN, reap(getter));
}

/* --- sleeping and calling across ------------------------------------------------ */

/* Put into the ring, and call as the library does. */
static int put_in_ring(int q, struct pyq_ring *r)
{
	struct pyq_op op;
	int err = pyq_ring_claim_put(r, &op);

	if (err)
		return err;
	err = pyq_ring_publish(r, &op, 0, 0);
	if (pyq_sleepers_claim(&r->hdr->getters.sleepers, 1))
		err = pq_wake(q, PYQUEUE_WAKE_GETTERS, 1);
	if (pyq_pollers_claim(&r->hdr->getters))
		err = pq_wake(q, PYQUEUE_WAKE_POLL_IN, 0);
	return err;
}

static int get_from_ring(int q, struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };
	int err = pyq_ring_claim_get(r, &op, UINT64_MAX);

	if (err)
		return err;
	err = pyq_ring_release(r, &op);
	if (pyq_sleepers_claim(&r->hdr->putters.sleepers, 1))
		err = pq_wake(q, PYQUEUE_WAKE_PUTTERS, 1);
	if (pyq_pollers_claim(&r->hdr->putters))
		err = pq_wake(q, PYQUEUE_WAKE_POLL_OUT, 0);
	/* The last of a queue that is shut down: who polls may see its end. */
	if (pyq_ring_can_get(r, &op) == -ESHUTDOWN && pyq_pollers_claim(&r->hdr->getters))
		err = pq_wake(q, PYQUEUE_WAKE_POLL_IN, 0);
	return err;
}

static unsigned int announced(const struct pyqueue_waiters *side)
{
	return side->sleepers & PYQUEUE_ANNOUNCED;
}

/* Sleepers are announced, each once, and no more when they have been called or have left. */
TEST_F(mapping, announced)
{
	struct pyq_ring r;
	pid_t pids[3];
	char c;

	ASSERT_EQ(1, map_ring(self->q, &r));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(i, announced(&r.hdr->getters));
		pids[i] = child(pq_get(self->q, &c, 1, SOON));
		ASSERT_TRUE(wait_asleep(self->q, getters, i + 1, pids[i]));
	}
	EXPECT_EQ(3, announced(&r.hdr->getters));
	EXPECT_EQ(0, put_in_ring(self->q, &r));
	EXPECT_EQ(0, reap(pids[0]));
	EXPECT_EQ(2, announced(&r.hdr->getters));
	EXPECT_EQ(0, pq_put(self->q, "", 0, PYQUEUE_NOWAIT));
	EXPECT_EQ(0, reap(pids[1]));
	EXPECT_EQ(1, announced(&r.hdr->getters));
	EXPECT_EQ(KILLED_BY(SIGKILL), reap_killed(pids[2]));
	EXPECT_TRUE(eventually(!announced(&r.hdr->getters)));

	ASSERT_EQ(4, put_up_to(self->q, 4));
	pids[0] = child(pq_put(self->q, "x", 1, SOON));
	ASSERT_TRUE(wait_asleep(self->q, putters, 1, pids[0]));
	EXPECT_EQ(1, announced(&r.hdr->putters));
	EXPECT_EQ(0, get_from_ring(self->q, &r));
	EXPECT_EQ(0, reap(pids[0]));
	EXPECT_EQ(0, announced(&r.hdr->putters));

	pids[0] = child(pq_join(self->q, SOON));
	ASSERT_TRUE(wait_asleep(self->q, joiners, 1, pids[0]));
	EXPECT_EQ(1, announced(&r.hdr->joiners));
	EXPECT_EQ(0, pq_task_done(self->q, 7));
	EXPECT_EQ(0, reap(pids[0]));
	EXPECT_EQ(0, announced(&r.hdr->joiners));
	EXPECT_EQ(0, unmap_ring(self->q, &r));
}

/*
 * However many are called together, they are claimed by one step on the word that others
 * can spoil: preemption is off meanwhile.
 */
TEST_F(mapping, claimed_together)
{
	struct pyq_ring r;
	unsigned int sequence;
	pid_t pids[3];

	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(1, put_up_to(self->q, 1));
	for (int i = 0; i < 3; i++) {
		pids[i] = child(pq_join(self->q, SOON));
		ASSERT_TRUE(wait_asleep(self->q, joiners, i + 1, pids[i]));
	}
	EXPECT_EQ(3, announced(&r.hdr->joiners));
	sequence = pyq_sleepers_sequence(r.hdr->joiners.sleepers);
	EXPECT_EQ(0, pq_task_done(self->q, 1));
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, reap(pids[i]));
	}
	EXPECT_EQ(0, announced(&r.hdr->joiners));
	EXPECT_EQ(sequence + 1, pyq_sleepers_sequence(r.hdr->joiners.sleepers));
	EXPECT_EQ(0, unmap_ring(self->q, &r));
}

static void nothing(int sig)
{
}

/* Who waits for a claim is called, and leaves what he was called for. */
/* proves: AWAIT -EAGAIN, AWAIT -ETIMEDOUT, AWAIT -EINTR */
TEST_F(mapping, await)
{
	struct pyq_ring r;
	pid_t pids[2];

	ASSERT_EQ(1, map_ring(self->q, &r));
	EXPECT_EQ(-EAGAIN, pq_await(self->q, PYQUEUE_READ, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ETIMEDOUT, pq_await(self->q, PYQUEUE_READ, in_ns(MSEC)));
	EXPECT_EQ(0, pq_await(self->q, PYQUEUE_WRITE, PYQUEUE_NOWAIT));
	EXPECT_EQ(-EINTR, reap(child(({
		struct itimerval often = { { 0, 5000 }, { 0, 5000 } };
		struct sigaction action = { .sa_handler = nothing };

		sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &often, NULL) ?
			-1 : pq_await(self->q, PYQUEUE_READ, SOON);
	}))));
	for (int i = 0; i < 2; i++) {
		pids[i] = child(pq_await(self->q, PYQUEUE_READ, SOON));
		ASSERT_TRUE(wait_asleep(self->q, getters, i + 1, pids[i]));
	}
	/* One message, one call: the other sleeps on though it is still there. */
	EXPECT_EQ(0, put_in_ring(self->q, &r));
	EXPECT_EQ(0, reap(pids[0]));
	EXPECT_EQ(1, pq_stat(self->q).getters);
	EXPECT_EQ(1, pq_qsize(self->q));
	EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS, 1));
	EXPECT_EQ(0, reap(pids[1]));
	EXPECT_EQ(0, unmap_ring(self->q, &r));
}

/* All ways to poll are told of what is put, and taken, without the kernel. */
TEST_F(mapping, polled)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET }, got;
	struct pollfd pfd = { .fd = self->q, .events = POLLIN };
	int epoll = epoll_create1(0);
	struct pyq_ring r;
	pid_t pid;

	ASSERT_EQ(1, map_ring(self->q, &r));
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, self->q, &event));
	EXPECT_EQ(0, epoll_wait(epoll, &got, 1, 0));
	/* Again and again: it is announced anew each time. */
	for (int i = 0; i < 3; i++) {
		EXPECT_EQ(0, put_in_ring(self->q, &r));
		EXPECT_EQ(1, epoll_wait(epoll, &got, 1, 0)) TH_LOG("%d", i);
		EXPECT_EQ(0, get_from_ring(self->q, &r));
		EXPECT_EQ(0, epoll_wait(epoll, &got, 1, 0));
	}
	close(epoll);

	pid = child(poll(&pfd, 1, -1) == 1 ? 0 : -1);
	ASSERT_TRUE(eventually(asleep_in_poll(pid)));
	EXPECT_EQ(0, put_in_ring(self->q, &r));
	EXPECT_EQ(0, reap(pid));

	ASSERT_EQ(3, put_up_to(self->q, 3));
	pfd.events = POLLOUT;
	pid = child(poll(&pfd, 1, -1) == 1 ? 0 : -1);
	ASSERT_TRUE(eventually(asleep_in_poll(pid)));
	EXPECT_EQ(0, get_from_ring(self->q, &r));
	EXPECT_EQ(0, reap(pid));

	/* Its end, to one who asks for nothing else: the last message is taken in the ring. */
	EXPECT_EQ(0, pq_shutdown(self->q, 0));
	pfd.events = 0;
	pid = child(poll(&pfd, 1, -1) == 1 && pfd.revents == POLLHUP ? 0 : -1);
	ASSERT_TRUE(eventually(asleep_in_poll(pid)));
	while (pq_qsize(self->q))
		EXPECT_EQ(0, get_from_ring(self->q, &r));
	EXPECT_EQ(0, reap(pid));
	EXPECT_EQ(0, unmap_ring(self->q, &r));
}

/* Linux 6.7; headers may be older. */
#ifndef UFFD_FEATURE_WP_UNPOPULATED
#define UFFD_FEATURE_WP_UNPOPULATED (1 << 13)
#endif
#ifndef UFFD_FEATURE_WP_ASYNC
#define UFFD_FEATURE_WP_ASYNC (1 << 15)
#endif

static int read_into_a_marker(int q, size_t size)
{
	struct uffdio_api api = { .api = UFFD_API,
		.features = UFFD_FEATURE_WP_ASYNC | UFFD_FEATURE_WP_UNPOPULATED };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC), fds[2];
	struct uffdio_writeprotect protect = { .mode = UFFDIO_WRITEPROTECT_MODE_WP };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_WP };
	void *at = mmap(NULL, size, RW, MAP_SHARED, q, 0);

	if (at == MAP_FAILED || pipe(fds))
		return -errno;
	protect.range = (struct uffdio_range){ (uintptr_t)at, size };
	reg.range = protect.range;
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) || ioctl(uffd, UFFDIO_REGISTER, &reg) ||
	    ioctl(uffd, UFFDIO_WRITEPROTECT, &protect))
		return -ENOSYS;
	if (madvise(at, size, MADV_DONTNEED) || write(fds[1], "x", 1) != 1)
		return -errno;
	return read(fds[0], at, 1) < 0 ? -errno : 0;
}

/* A page taken away, with userfaultfd's mark in its place: a fault on it comes to an end. */
TEST_F(mapping, marked)
{
	int ret = reap(child(read_into_a_marker(self->q, self->size)));

	if (ret == -ENOSYS)
		SKIP(return, "userfaultfd cannot mark such memory here");
	EXPECT_EQ(-EFAULT, ret);
}

TEST_HARNESS_MAIN
