/* SPDX-License-Identifier: GPL-2.0 */
/* A queue that can be mapped as it lies there, for tests that look on without taking part. */
#ifndef SHM_VIEW_H
#define SHM_VIEW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/pyqueue.h>
#include <ring/word.h>

/**
 * struct view - a queue's header and slots, for reading
 * @hdr: NULL: the queue cannot be mapped. A child does not have one of the module's
 */
struct view {
	const struct pyqueue_header *hdr;
};

/* Of the queue whose fd that is, on whatever backend; one that is sealed stays NULL. */
static inline struct view view_of(int fd)
{
	struct pyqueue_stat st = { .size = sizeof(st) };
	struct view v = { NULL };
	struct pyqueue_header h;
	size_t size;
	void *at;

	if (pread(fd, &h, sizeof(h), 0) == sizeof(h) && h.magic == PYQUEUE_MAGIC)
		size = PYQUEUE_HEADER_SIZE + ((size_t)h.slot_size << h.order);
	else if (!ioctl(fd, PYQUEUE_IOC_STAT, &st) && st.map_bytes)
		size = st.map_bytes;
	else
		return v;
	at = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (at != MAP_FAILED)
		v.hdr = at;
	return v;
}

static inline uint64_t view_tail(const struct view *v)
{
	return __atomic_load_n(&v->hdr->tail, __ATOMIC_SEQ_CST) & ~PYQUEUE_CLOSED;
}

static inline uint64_t view_head(const struct view *v)
{
	return __atomic_load_n(&v->hdr->head, __ATOMIC_SEQ_CST);
}

static inline uint64_t view_word(const struct view *v, uint64_t pos)
{
	const uint64_t index = pos & ((UINT64_C(1) << v->hdr->order) - 1);
	const struct pyqueue_slot *slot = (const void *)((const char *)v->hdr +
							 PYQUEUE_HEADER_SIZE +
							 index * v->hdr->slot_size);

	return __atomic_load_n(&slot->word, __ATOMIC_SEQ_CST);
}

/* Is it in a state at this position, not one lap before or after? */
static inline bool view_is(const struct view *v, uint64_t pos, enum pyqueue_state state)
{
	const uint64_t word = view_word(v, pos);

	return pyq_word_lap(word) == (uint32_t)(pos >> v->hdr->order) &&
	       pyq_word_state(word) == state;
}

/* Is the slot of @pos still somebody's of one lap before? */
static inline bool view_is_behind(const struct view *v, uint64_t pos)
{
	return pyq_word_lap(view_word(v, pos)) == (uint32_t)(pos >> v->hdr->order) - 1;
}

#endif
