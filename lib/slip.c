// SPDX-License-Identifier: MIT
/* Letting the other side of a queue get ahead. */
#include "deadline.h"
#include "relax.h"
#include "slip.h"

/*
 * How many messages ahead, and for how long that is waited for, in nanoseconds. Measured
 * with one who puts and one who gets: fewer do not last until the other has gone on, and
 * with many more of a queue of 256 it is the other who has to wait.
 */
#ifndef AHEAD
#define AHEAD 32
#endif
#ifndef SLIP_NS
#define SLIP_NS 3000
#endif

/* In long slots only so much, or it would take too long, and seem to be in vain. */
#define AHEAD_BYTES (64 << 10)

/* At most this part of a queue, and it has to be worth it. */
#define PART 8
#define AHEAD_MIN 4

/* Where it has been in vain it is left out once, then three times, up to so often. */
#define LEFT_OUT_MAX 1023

/* Pauses between two looks. */
#define PAUSES 8

/* Has the other side begun, and has it ended, with position @pos? Only a hint. */
static bool is_put(const struct pyq_ring *r, uint64_t pos, bool begun)
{
	const uint64_t word = pyq_load(&pyq_ring_slot(r, pos)->word);
	const int32_t ahead = (int32_t)(pyq_word_lap(word) - pyq_ring_lap(r, pos));
	const unsigned int state = pyq_word_state(word);

	if (ahead)
		return ahead > 0;
	return state != PYQUEUE_FREE && (begun || state != PYQUEUE_WRITING);
}

static bool is_got(const struct pyq_ring *r, uint64_t pos, bool begun)
{
	const uint64_t word = pyq_load(&pyq_ring_slot(r, pos)->word);
	const int32_t ahead = (int32_t)(pyq_word_lap(word) - pyq_ring_lap(r, pos));

	return ahead > 0 || (begun && !ahead && pyq_word_state(word) == PYQUEUE_READING);
}

/* Has the other side reached what is @n from where the caller is? */
static bool is_other_at(const struct pyq_ring *r, bool gets, unsigned int n, bool begun)
{
	if (gets)
		return is_put(r, pyq_load(&r->hdr->head) + n, begun);
	return is_got(r, (pyq_load(&r->hdr->tail) & ~PYQUEUE_CLOSED) + n - r->maxsize, begun);
}

static void was_in_vain(struct pyqi_slips *slips)
{
	uint32_t times = __atomic_load_n(&slips->in_vain, __ATOMIC_RELAXED);

	if (times < LEFT_OUT_MAX)
		times = 2 * times + 1;
	__atomic_store_n(&slips->in_vain, times, __ATOMIC_RELAXED);
	__atomic_store_n(&slips->left_out, times, __ATOMIC_RELAXED);
}

static void was_of_use(struct pyqi_slips *slips)
{
	const uint32_t times = __atomic_load_n(&slips->in_vain, __ATOMIC_RELAXED);

	if (times)
		__atomic_store_n(&slips->in_vain, times / 2, __ATOMIC_RELAXED);
}

static unsigned int how_many_ahead(const struct pyq_ring *r)
{
	const unsigned int some = r->maxsize < PART * AHEAD ? (unsigned int)r->maxsize / PART :
							      AHEAD;
	const unsigned int long_ones = AHEAD_BYTES / r->slot_size;

	return some < long_ones ? some : long_ones;
}

void pyqi_slip(pyq_queue *q, const struct pyqi_wait *wait, uint64_t deadline)
{
	const struct pyq_ring *r = &q->map.ring;
	const bool gets = wait->side == &r->hdr->getters;
	const unsigned int n = how_many_ahead(r);
	struct pyqi_slips *slips = &q->map.slips[gets];
	const uint32_t left_out = __atomic_load_n(&slips->left_out, __ATOMIC_RELAXED);
	uint64_t end;

	if (n < AHEAD_MIN || !is_other_at(r, gets, 1, true))
		return;
	if (left_out) {
		__atomic_store_n(&slips->left_out, left_out - 1, __ATOMIC_RELAXED);
		return;
	}
	end = pyqi_now() + SLIP_NS;
	if (end > deadline)
		end = deadline;
	do {
		pyqi_relax(PAUSES);
		if (is_other_at(r, gets, n, false)) {
			was_of_use(slips);
			return;
		}
	} while (pyqi_now() < end);
	was_in_vain(slips);
}
