// SPDX-License-Identifier: MIT
/* Who is alive, without the module. */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <sys/stat.h>

#include <ring/recover.h>

#include "blocks.h"
#include "descriptor.h"
#include "forked.h"
#include "mapped.h"
#include "owner.h"
#include "shm.h"
#include "sleep.h"

/* Of the file's bytes, these are locked; what is in them does not matter. */
#define WATCH_BYTE (PYQI_OWNERS + 1)

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
 * Its lock is ours, so it is dead, and nobody else is at it. Return: 0; -EUCLEAN; -ENOMEM: it
 * has to be done again.
 */
static int settle(pyq_queue *q, unsigned int owner)
{
	struct pyq_op op = { .freed = false };
	__u32 *detour = &q->map.ring.hdr->detour;
	bool broken = pyq_ring_recover(&q->map.ring, &op, (uint16_t)owner) < 0;
	int err = pyqi_blocks_sweep(q, (uint16_t)owner);

	if (broken)
		pyq_or32(detour, PYQUEUE_DETOUR_BROKEN);
	/* It may have died on the way to drop what is there, or have had some in hand. */
	if (!broken && pyq_load_acquire(detour) & PYQUEUE_DETOUR_DROP)
		pyqi_mapped_drop(q);
	pyqi_futex_call_everybody(q);
	return broken ? -EUCLEAN : err;
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

int pyqi_owner_take(pyq_queue *q)
{
	unsigned int found = 0;
	int err = open_locks(q);

	if (err)
		return err;

	/* One that nobody has, or else one whose owner has died. */
	for (unsigned int owner = 1; !found && owner <= PYQI_OWNERS; owner++)
		if (!in_use(q, owner) && lock_byte(q, owner, F_WRLCK))
			found = owner;
	for (unsigned int owner = 1; !found && owner <= PYQI_OWNERS; owner++)
		if (lock_byte(q, owner, F_WRLCK))
			found = owner;
	if (found) {
		q->map.ring.owner = (uint16_t)found;
		/* Also if it has been used and left by a death between these two looks. */
		if (in_use(q, found))
			err = settle(q, found);
		else
			set_in_use(q, found);
		if (!err)
			return 0;
	}
	close_locks(q);
	return found ? err : -EUSERS;
}

void pyqi_owner_leave(pyq_queue *q)
{
	/* As if dead, to what may still be on loan. */
	if (q->map.lent)
		settle(q, q->map.ring.owner);
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

/* Settle what @owner has left, if it has died. */
static int check_one(pyq_queue *q, unsigned int owner)
{
	int err = 0;

	if (owner == q->map.ring.owner || !lock_byte(q, owner, F_WRLCK))
		return 0;
	/* It may have left, or somebody may have settled it, just before. */
	if (in_use(q, owner)) {
		err = settle(q, owner);
		if (err != -ENOMEM)
			clear_in_use(q, owner);
	}
	lock_byte(q, owner, F_UNLCK);
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

int pyqi_owner_check(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	int err = 0;

	if (!begin_settling(q))
		return 0;
	for (unsigned int word = 0; word < (PYQI_OWNERS + 1) / 64; word++) {
		uint64_t bits = pyq_load_acquire(&q->map.shm->owners[word]);

		for (unsigned int bit = 0; bit < 64; bit++)
			if (bits >> bit & 1 && check_one(q, word * 64 + bit) == -EUCLEAN)
				err = -EUCLEAN;
	}
	end_settling(q);
	return err;
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

	return lock_byte(q, WATCH_BYTE, F_WRLCK);
}

void pyqi_owner_unwatch(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;

	lock_byte(q, WATCH_BYTE, F_UNLCK);
}
