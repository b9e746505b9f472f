// SPDX-License-Identifier: MIT
/* Large messages of the shm backend. */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "blocks.h"
#include "forked.h"
#include "shm.h"

/* Memory for blocks is taken from the system so much at a time. */
#define COMMIT (64 * PYQI_BLOCK_MIN)
_Static_assert(COMMIT >= (PYQUEUE_PAYLOAD_MAX + sizeof(struct pyqueue_slot)) / 4, "a block");

enum { FREE, TAKEN };

static uint16_t owner_of(uint64_t word)
{
	return (uint16_t)(word >> 16);
}

static bool is_taken(uint64_t word)
{
	return (word & 0xffff) == TAKEN;
}

/* The word of the same taking, with another's name. */
static uint64_t renamed(uint64_t word, uint16_t owner)
{
	return (word & ~0xffff0000ULL) | (uint64_t)owner << 16;
}

static uint64_t taken_by(uint64_t word, uint16_t owner)
{
	return ((word >> 32) + 1) << 32 | (uint64_t)owner << 16 | TAKEN;
}

static uint64_t freed(uint64_t word)
{
	return word >> 32 << 32 | FREE;
}

/* They are mapped. */

static struct pyqi_block *block(const pyq_queue *q, uint32_t index)
{
	return (struct pyqi_block *)(void *)(q->map.large + q->map.block_at) + index;
}

static char *data_of(const pyq_queue *q, uint32_t index)
{
	return q->map.large + q->map.data_at + (size_t)index * q->map.block_size;
}

/* If the program has closed the fd the number may be something else's. */
static bool is_our_file(const pyq_queue *q)
{
	struct stat st;

	return !fstat(q->fd, &st) && st.st_dev == q->map.dev && st.st_ino == q->map.ino;
}

static bool are_mapped(const pyq_queue *q)
{
	return __atomic_load_n(&q->map.large, __ATOMIC_ACQUIRE);
}

static int map_now(pyq_queue *q)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const size_t size = q->map.large_size;
	char *at;
	int err = 0;

	/* Nobody forks before a child would get no copy; and one thread does it. */
	pyqi_forked_wait();
	if (are_mapped(q))
		goto out;
	err = is_our_file(q) ? 0 : -EBADF;
	if (err)
		goto out;
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, q->fd, (off_t)q->map.large_at);
	if (at == MAP_FAILED) {
		err = -ENOMEM;
	} else if (madvise(at, size, MADV_DONTFORK)) {
		munmap(at, size);
		err = -ENOMEM;
	} else {
		__atomic_store_n(&q->map.large, at, __ATOMIC_RELEASE);
	}
out:
	pyqi_forked_go_on();
	return err;
}

/*
 * Map them, unless they are already. Most queues have no large messages: with some thousands
 * of those the pages that say where these parts are would be most of what is touched.
 * Return: 0, -EBADF, -ENOMEM.
 */
static int map_blocks(pyq_queue *q)
{
	return are_mapped(q) ? 0 : map_now(q);
}

void pyqi_blocks_unmap(pyq_queue *q)
{
	if (q->map.large)
		munmap(q->map.large, q->map.large_size);
	q->map.large = NULL;
}

/* Blocks that have memory: only these have ever been taken. */
static uint32_t committed(const pyq_queue *q)
{
	uint64_t n = pyq_load_acquire(&q->map.shm->committed);

	return n < q->map.nr_blocks ? (uint32_t)n : q->map.nr_blocks;
}

static int allocate(const pyq_queue *q, const void *begin, const void *end)
{
	PYQI_NO_CANCEL;
	const off_t at = (off_t)q->map.large_at + ((const char *)begin - q->map.large);
	const off_t size = (const char *)end - (const char *)begin;
	int err;

	do {
		err = posix_fallocate(q->fd, at, size);
	} while (err == EINTR);
	return err ? -ENOMEM : 0;
}

/*
 * Memory for more blocks than @n, or a store to one would be a SIGBUS when there
 * is none left. Who dies in here has perhaps allocated and not said so: no harm.
 */
static int commit(pyq_queue *q, uint32_t n)
{
	const uint32_t piece = COMMIT / q->map.block_size, left = q->map.nr_blocks - n;
	const uint32_t more = left < piece ? left : piece;

	if (!more)
		return -ENOBUFS;
	if (allocate(q, block(q, n), block(q, n + more)) ||
	    allocate(q, data_of(q, n), data_of(q, n + more)))
		return -ENOMEM;
	pyq_cas(&q->map.shm->committed, n, n + more);
	return 0;
}

/* Take a free one of @n. Return: its number, PYQI_NO_BLOCK if there is none. */
static uint32_t take_one_of(pyq_queue *q, uint32_t n)
{
	const uint32_t start = __atomic_load_n(&q->map.shm->hint, __ATOMIC_RELAXED);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = (start % n + i) % n;
		struct pyqi_block *b = block(q, at);
		uint64_t word = pyq_load_acquire(&b->word);

		if (is_taken(word) || !pyq_cas(&b->word, word, taken_by(word, q->map.ring.owner)))
			continue;
		pyq_store(&b->position, 0);
		b->next = PYQI_NO_BLOCK;
		__atomic_store_n(&q->map.shm->hint, at + 1, __ATOMIC_RELAXED);
		return at;
	}
	return PYQI_NO_BLOCK;
}

static int take(pyq_queue *q, uint32_t *index)
{
	/* There are no more rounds than that, unless somebody spoils the count. */
	const uint32_t most = q->map.nr_blocks / (COMMIT / q->map.block_size) + 1;

	for (uint32_t rounds = 0; rounds <= most; rounds++) {
		uint32_t n = committed(q);
		int err;

		*index = n ? take_one_of(q, n) : PYQI_NO_BLOCK;
		if (*index != PYQI_NO_BLOCK)
			return 0;
		err = commit(q, n);
		if (err)
			return err;
	}
	return -EUCLEAN;
}

/*
 * Blocks of a message that follow each other: what is in them lies together, and is copied at
 * once, which is quicker. @n is 0: of none.
 */
struct run {
	uint32_t first;
	uint32_t n;
};

/* The next block of the message: is it the next of the run, too? */
static bool joins(struct run *run, uint32_t index)
{
	if (!run->n)
		run->first = index;
	if (index != run->first + run->n)
		return false;
	run->n++;
	return true;
}

/* The run's bytes, if there are @left of the message's. Another one may begin. */
static size_t ends(const pyq_queue *q, struct run *run, size_t left)
{
	const size_t bytes = (size_t)run->n * q->map.block_size;

	run->n = 0;
	return bytes < left ? bytes : left;
}

int pyqi_blocks_put(pyq_queue *q, const void *data, size_t len, uint32_t *first)
{
	const char *from = data, *const end = from + len;
	struct run run = { .n = 0 };
	uint32_t *link = first;
	int err;

	*first = PYQI_NO_BLOCK;
	if (pyqi_blocks_for(len, q->map.block_size) > q->map.nr_blocks)
		return -ENOBUFS;
	err = map_blocks(q);
	if (err)
		return err;
	for (uint64_t left = pyqi_blocks_for(len, q->map.block_size); left; left--) {
		uint32_t index;

		err = take(q, &index);
		if (err) {
			pyqi_blocks_free(q, *first);
			return err;
		}
		*link = index;
		link = &block(q, index)->next;
		if (!joins(&run, index)) {
			const size_t n = ends(q, &run, (size_t)(end - from));

			memcpy(data_of(q, run.first), from, n);
			from += n;
			joins(&run, index);
		}
	}
	memcpy(data_of(q, run.first), from, (size_t)(end - from));
	return 0;
}

void pyqi_blocks_attach(pyq_queue *q, uint32_t first, uint64_t position)
{
	uint32_t left = q->map.nr_blocks;

	for (; first < q->map.nr_blocks && left--; first = pyq_load(&block(q, first)->next))
		pyq_store(&block(q, first)->position, position + 1);
}

void pyqi_blocks_free(pyq_queue *q, uint32_t first)
{
	uint32_t left = q->map.nr_blocks;

	while (first < q->map.nr_blocks && left--) {
		struct pyqi_block *b = block(q, first);
		uint64_t word = pyq_load_acquire(&b->word);
		uint32_t next = pyq_load(&b->next); /* before it is somebody else's */

		if (is_taken(word) && owner_of(word) == q->map.ring.owner)
			pyq_cas(&b->word, word, freed(word));
		first = next;
	}
}

static bool is_part(const pyq_queue *q, uint32_t index, uint64_t position)
{
	return index < q->map.nr_blocks && pyq_load(&block(q, index)->position) == position + 1 &&
	       is_taken(pyq_load_acquire(&block(q, index)->word));
}

/* Each block is looked at before it is read; @data as pyqi_blocks_get(). */
static int copy_out(const pyq_queue *q, const struct pyq_op *op, char *data, uint32_t index)
{
	struct run run = { .n = 0 };
	size_t left = op->len;

	for (uint64_t blocks = pyqi_blocks_for(op->len, q->map.block_size); blocks; blocks--) {
		if (!is_part(q, index, op->pos))
			return -EUCLEAN;
		if (!joins(&run, index)) {
			const size_t n = ends(q, &run, left);

			if (data)
				data = (char *)memcpy(data, data_of(q, run.first), n) + n;
			left -= n;
			joins(&run, index);
		}
		index = pyq_load(&block(q, index)->next);
	}
	if (data)
		memcpy(data, data_of(q, run.first), left);
	return 0;
}

int pyqi_blocks_get(pyq_queue *q, const struct pyq_op *op, void *data, uint32_t *first)
{
	uint32_t index;
	int err;

	err = pyqi_blocks_ready(q);
	/* A message that has some was published after they had got their memory. */
	if (err || !are_mapped(q))
		return err ? err : -EUCLEAN;
	memcpy(first, pyq_ring_slot(&q->map.ring, op->pos)->payload, sizeof(*first));
	/* All of it before any name is changed: with a message that is spoilt it ends here. */
	err = copy_out(q, op, data, *first);
	if (err)
		return err;
	index = *first;
	for (size_t done = 0; done < op->len && index < q->map.nr_blocks;
	     done += q->map.block_size) {
		struct pyqi_block *b = block(q, index);
		uint64_t word = pyq_load_acquire(&b->word);

		pyq_cas(&b->word, word, renamed(word, q->map.ring.owner));
		index = pyq_load(&b->next);
	}
	return 0;
}

int pyqi_blocks_ready(pyq_queue *q)
{
	return committed(q) ? map_blocks(q) : 0;
}

/* Is the message that a block is tagged with in the ring, or in somebody's hand, with its blocks? */
static bool is_there(const struct pyq_ring *r, uint64_t tag)
{
	const uint64_t position = tag - 1;
	uint64_t word;

	if (!tag)
		return false;
	word = pyq_load_acquire(&pyq_ring_slot(r, position)->word);
	if (!(pyq_word_flags(word) & PYQUEUE_SLOT_INDIRECT))
		return false;
	return pyq_word_is(r, word, position, PYQUEUE_READY) ||
	       pyq_word_is(r, word, position, PYQUEUE_READING) ||
	       pyq_word_is(r, word, position, PYQUEUE_ORPHAN);
}

void pyqi_blocks_sweep(pyq_queue *q, uint16_t dead)
{
	/* Where there were none before there are none of the dead's. */
	const uint32_t n = are_mapped(q) ? committed(q) : 0;

	for (uint32_t i = 0; i < n; i++) {
		struct pyqi_block *b = block(q, i);
		uint64_t word = pyq_load_acquire(&b->word);

		if (!is_taken(word) || owner_of(word) != dead)
			continue;
		/*
		 * A getter who has it by now has put its name on it before the
		 * message went from the ring: then this CAS fails.
		 */
		if (!is_there(&q->map.ring, pyq_load_acquire(&b->position)))
			pyq_cas(&b->word, word, freed(word));
	}
}

int pyqi_blocks_bytes(pyq_queue *q, uint64_t *bytes)
{
	const uint32_t n = committed(q);
	uint64_t taken = 0;
	int err = n ? map_blocks(q) : 0;

	if (err)
		return err;
	for (uint32_t i = 0; i < n; i++)
		taken += is_taken(pyq_load(&block(q, i)->word));
	*bytes = taken * q->map.block_size;
	return 0;
}
