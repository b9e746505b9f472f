// SPDX-License-Identifier: MIT
/* Who is alive, without the module. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>

#include <ring/recover.h>

#include "blocks.h"
#include "deadline.h"
#include "descriptor.h"
#include "forked.h"
#include "mapped.h"
#include "owner.h"
#include "shm.h"
#include "sleep.h"

/* Of the file's bytes, these are locked; what is in them does not matter. */
#define WATCH_BYTE (PYQI_OWNERS + 1)

/* How long the dead are gathered, about, before everybody is called for them. */
#define GATHER_NS 1000000

static bool lock_byte(const pyq_queue *q, unsigned int byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return !fcntl(q->map.locks, F_OFD_SETLK, &lock);
}

static __u64 *word_of(pyq_queue *q, unsigned int owner)
{
	return &q->map.shm->owners[owner / 64];
}

static uint64_t bit_of(unsigned int owner)
{
	return 1ULL << owner % 64;
}

static bool in_use(pyq_queue *q, unsigned int owner)
{
	return pyq_load_acquire(word_of(q, owner)) & bit_of(owner);
}

static void set_in_use(pyq_queue *q, unsigned int owner)
{
	pyq_or(word_of(q, owner), bit_of(owner));
}

static void clear_in_use(pyq_queue *q, unsigned int owner)
{
	/* Each failure is somebody else who comes or goes. */
	for (unsigned int tries = 0; tries < PYQ_RING_TRIES; tries++) {
		uint64_t word = pyq_load_acquire(word_of(q, owner));

		if (pyq_cas(word_of(q, owner), word, word & ~bit_of(owner)))
			return;
	}
}

/*
 * Its lock is ours, so it is dead, and nobody else is at it. Everybody is to be called then,
 * before it is no longer in use (and is at once where there is something to be dropped).
 * Return: 0; -EUCLEAN; another error: that is for somebody else to do.
 */
static int settle(pyq_queue *q, unsigned int owner)
{
	struct pyq_op op = { .freed = false };
	__u32 *detour = &q->map.ring.hdr->detour;
	int err = pyqi_blocks_ready(q);
	bool broken;

	if (err)
		return err;
	broken = pyq_ring_recover(&q->map.ring, &op, (uint16_t)owner) < 0;
	pyqi_blocks_sweep(q, (uint16_t)owner);
	if (broken)
		pyq_or32(detour, PYQUEUE_DETOUR_BROKEN);
	/* It may have died on the way to drop what is there, or have had some in hand. */
	if (!broken && pyq_load_acquire(detour) & PYQUEUE_DETOUR_DROP)
		pyqi_mapped_drop(q);
	return broken ? -EUCLEAN : 0;
}

static bool is_settled(int err)
{
	return !err || err == -EUCLEAN;
}

/* As settle(). */
static int settle_and_call(pyq_queue *q, unsigned int owner)
{
	int err = settle(q, owner);

	if (is_settled(err))
		pyqi_futex_call_everybody(q);
	return err;
}

static int open_locks(pyq_queue *q)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", q->fd);
	pyqi_forked_wait();
	fd = pyqi_opened(open(path, O_RDWR | O_CLOEXEC));
	q->map.locks = fd < 0 ? -1 : fd;
	pyqi_forked_go_on();
	if (fd == -ENOENT)
		return -EOPNOTSUPP;
	return fd < 0 ? fd : 0;
}

static void close_locks(pyq_queue *q)
{
	pyqi_forked_wait();
	close(q->map.locks);
	q->map.locks = -1;
	pyqi_forked_go_on();
}

/* Have this number, if nobody alive has. Return: 0, -EUSERS, or an error of settle(). */
static int take_one(pyq_queue *q, unsigned int owner)
{
	int err = 0;

	if (!lock_byte(q, owner, F_WRLCK))
		return -EUSERS;
	q->map.ring.owner = (uint16_t)owner;
	/* Also if it has been used and left by a death between these two looks. */
	if (in_use(q, owner))
		err = settle_and_call(q, owner);
	else
		set_in_use(q, owner);
	if (err)
		lock_byte(q, owner, F_UNLCK);
	return err;
}

int pyqi_owner_take(pyq_queue *q)
{
	int err = open_locks(q), one;

	if (err)
		return err;

	/* One that nobody has, or else one whose owner has died. */
	err = -EUSERS;
	for (unsigned int owner = 1; err && err != -EUCLEAN && owner <= PYQI_OWNERS; owner++)
		if (!in_use(q, owner))
			err = take_one(q, owner);
	for (unsigned int owner = 1; err && err != -EUCLEAN && owner <= PYQI_OWNERS; owner++) {
		one = take_one(q, owner);
		if (one != -EUSERS)
			err = one;
	}
	if (err)
		close_locks(q);
	return err;
}

/* Is a slot in its hands? */
static bool has_claims(const pyq_queue *q)
{
	const struct pyq_ring *r = &q->map.ring;

	for (uint64_t i = 0; i < pyq_ring_slots(r); i++)
		if (pyq_word_owner(pyq_load_acquire(&pyq_ring_slot(r, i)->word)) == r->owner)
			return true;
	return false;
}

void pyqi_owner_leave(pyq_queue *q)
{
	int err = 0;

	/* As if dead, to what may still be on loan. */
	if (q->map.lent && has_claims(q))
		err = settle_and_call(q, q->map.ring.owner);
	/* Otherwise it is as if dead to the others, too. */
	if (is_settled(err))
		clear_in_use(q, q->map.ring.owner);
	close_locks(q);
}

void pyqi_owner_forget(const pyq_queue *q, int locks)
{
	struct stat ours, theirs;

	/* If the program has closed it the number may be something else's. */
	if (!fstat(q->fd, &ours) && !fstat(locks, &theirs) && ours.st_dev == theirs.st_dev &&
	    ours.st_ino == theirs.st_ino)
		close(locks);
}

/*
 * Settle what @owner has left, if it has died: then it is one of the @dead, and its lock ours.
 * Return: as settle().
 */
static int check_one(pyq_queue *q, unsigned int owner, uint64_t *dead)
{
	int err = -ENOENT;

	if (owner == q->map.ring.owner || !lock_byte(q, owner, F_WRLCK))
		return 0;
	/* It may have left, or somebody may have settled it, just before. */
	if (in_use(q, owner))
		err = settle(q, owner);
	if (is_settled(err))
		*dead |= bit_of(owner);
	else
		lock_byte(q, owner, F_UNLCK);
	return err == -ENOENT ? 0 : err;
}

/* Call everybody for all of the @dead at once: each call has all come who wait. */
static void bury(pyq_queue *q, unsigned int first, uint64_t dead)
{
	if (dead)
		pyqi_futex_call_everybody(q);
	for (unsigned int owner = first; owner < first + 64; owner++) {
		if (!(dead & bit_of(owner)))
			continue;
		clear_in_use(q, owner);
		lock_byte(q, owner, F_UNLCK);
	}
}

/* Those of 64 owners who have died. Return: as look(). */
static int look_at(pyq_queue *q, unsigned int first)
{
	const uint64_t bits = pyq_load_acquire(word_of(q, first));
	uint64_t dead = 0, since = 0;
	int err = 0;

	for (unsigned int owner = first; owner < first + 64; owner++) {
		const uint64_t before = dead;
		int one = bits & bit_of(owner) ? check_one(q, owner, &dead) : 0;

		if (one && err != -EUCLEAN)
			err = one;
		if (dead == before)
			continue;
		/* Who waits for what the first has left is not to wait long for the others. */
		if (!before)
			since = pyqi_now();
		if (pyqi_now() - since > GATHER_NS) {
			bury(q, first, dead);
			dead = 0;
		}
	}
	bury(q, first, dead);
	return err;
}

/* To the kernel, the threads of a handle are one. */
static bool begin_settling(pyq_queue *q)
{
	return !__atomic_exchange_n(&q->map.busy, 1, __ATOMIC_ACQUIRE);
}

static void end_settling(pyq_queue *q)
{
	__atomic_store_n(&q->map.busy, 0, __ATOMIC_RELEASE);
}

/* Return: 0; -EUCLEAN; another error: one could not be settled. */
static int look(pyq_queue *q)
{
	int err = 0;

	if (!begin_settling(q))
		return 0;
	for (unsigned int first = 0; first <= PYQI_OWNERS; first += 64) {
		int some = look_at(q, first);

		if (some && err != -EUCLEAN)
			err = some;
	}
	end_settling(q);
	return err;
}

int pyqi_owner_check(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;

	return look(q) == -EUCLEAN ? -EUCLEAN : 0;
}

static bool is_unable(const pyq_queue *q)
{
	return __atomic_load_n(&q->map.unable, __ATOMIC_RELAXED);
}

/* Return: whether it could settle all that it has found. */
static bool look_for_all(pyq_queue *q)
{
	bool unable;
	int err;

	__atomic_store_n(&q->map.checked, pyqi_now(), __ATOMIC_RELAXED);
	err = look(q);
	unable = err && err != -EUCLEAN;
	__atomic_store_n(&q->map.unable, unable, __ATOMIC_RELAXED);
	return !unable;
}

bool pyqi_owner_looks(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;

	if (!look_for_all(q))
		return false;
	pyq_store(&q->map.shm->looked, pyqi_now());
	return true;
}

void pyqi_owner_look(pyq_queue *q, uint64_t apart)
{
	PYQI_KEEP_ERRNO;
	const uint64_t looked = pyq_load(&q->map.shm->looked), now = pyqi_now();
	/* Another's clock may be ahead a little; in another time namespace by far. */
	const uint64_t since = now > looked ? now - looked : looked - now;

	/* By his own clock as well: where clocks are apart it always seems due. */
	if (now - __atomic_load_n(&q->map.checked, __ATOMIC_RELAXED) < apart)
		return;
	/* One of all who see that; if he dies on the way another does after the next slice. */
	if (is_unable(q) || (since >= apart && pyq_cas(&q->map.shm->looked, looked, now)))
		look_for_all(q);
}

uint32_t pyqi_owners(const pyq_queue *q)
{
	unsigned int n = 0;

	for (unsigned int word = 0; word < (PYQI_OWNERS + 1) / 64; word++)
		n += (unsigned int)__builtin_popcountll(pyq_load(&q->map.shm->owners[word]));
	return n;
}

bool pyqi_owner_watch(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;

	return !is_unable(q) && lock_byte(q, WATCH_BYTE, F_WRLCK);
}

void pyqi_owner_unwatch(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;

	lock_byte(q, WATCH_BYTE, F_UNLCK);
}
