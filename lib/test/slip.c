// SPDX-License-Identifier: MIT
/* Who catches up lets the other side get ahead: not for long, and not where that is of no use. */
#include "../deadline.h"
#include "../relax.h"

#include "test.h"

static uint64_t clock_ns;
static unsigned int looks_at_clock;
static unsigned int each; /* what the other side does each time that it is waited for */
static unsigned int left; /* and how much of it it has in all */
static void (*one)(void);

static uint64_t clock_now(void)
{
	looks_at_clock++;
	return clock_ns;
}

/* 100 ns go by, in which the other side gets on. */
static void wait_a_little(unsigned int times)
{
	(void)times;
	clock_ns += 100;
	for (unsigned int i = 0; i < each && left; i++, left--)
		one();
}

#define pyqi_now clock_now
#define pyqi_relax wait_a_little
#include "../slip.c"
#include "../spin.c"
#undef pyqi_now
#undef pyqi_relax

static pyq_queue q;
#define MOST (256 * 8192)

static char memory[PYQUEUE_HEADER_SIZE + MOST] __attribute__((aligned(64)));
static uint32_t slot_size = 64;
static struct pyqi_wait wait;
static uint64_t deadline = PYQI_FOREVER;

static void put(void)
{
	struct pyq_op op = { .freed = false };

	CHECK(!pyq_ring_claim_put(&q.map.ring, &op) && !pyq_ring_publish(&q.map.ring, &op, 8, 0));
}

static void get(void)
{
	struct pyq_op op = { .freed = false };

	CHECK(!pyq_ring_claim_get(&q.map.ring, &op, 48) && !pyq_ring_release(&q.map.ring, &op));
}

/* How often one would have been taken, or one more made; then the other side is waited for. */
static bool waits(unsigned int under_way, unsigned int of_all, unsigned int each_time)
{
	const uint64_t before = clock_ns;

	looks_at_clock = 0;
	for (unsigned int i = 0; i < under_way; i++)
		one();
	left = of_all;
	each = each_time;
	pyqi_slip(&q, &wait, deadline);
	CHECK(clock_ns - before <= 3100);
	CHECK(looks_at_clock || clock_ns == before);
	return clock_ns != before;
}

static void begin(uint64_t maxsize, bool gets)
{
	memset(memory, 0, sizeof(memory));
	memset(&q, 0, sizeof(q));
	pyq_ring_init(&q.map.ring, memory, maxsize, slot_size, 1);
	wait.side = gets ? &q.map.ring.hdr->getters : &q.map.ring.hdr->putters;
	one = gets ? put : get;
	if (!gets)
		while (maxsize--)
			put();
}

static uint64_t ahead(bool gets)
{
	const struct pyqueue_header *hdr = q.map.ring.hdr;

	return gets ? hdr->tail - hdr->head : q.map.ring.maxsize - (hdr->tail - hdr->head);
}

/* Until the other side has done what it has done there is one more thing to do. */
static void a_stream(uint64_t maxsize, bool gets, unsigned int n)
{
	begin(maxsize, gets);
	CHECK(waits(2, 1000, 3));
	CHECK(ahead(gets) > n && ahead(gets) <= n + 4);
}

/* Nor beyond the time that somebody waits at most. */
static void until(bool gets)
{
	begin(256, gets);
	deadline = clock_ns + 500;
	CHECK(waits(2, 0, 0) && clock_ns == deadline);
	deadline = PYQI_FOREVER;
}

/* The same in every lap, and when the queue has been shut down. */
static void laps(bool gets)
{
	begin(64, gets);
	for (unsigned int i = 0; i < 1000; i++) {
		CHECK(waits(2, 20, 3));
		CHECK(!q.map.slips[gets].in_vain);
		while (ahead(gets))
			gets ? get() : put();
	}
	for (unsigned int i = 0; i < 10; i++)
		one();
	q.map.ring.hdr->tail |= PYQUEUE_CLOSED;
	CHECK(waits(0, 0, 0) && !q.map.slips[gets].in_vain);
}

/* One message at a time: there is not even a look at the clock. */
static void there_and_back(bool gets)
{
	begin(256, gets);
	CHECK(!waits(1, 0, 0) && !looks_at_clock);
}

/* A few at a time: it is left out more and more often. */
static void a_few(bool gets)
{
	unsigned int waited = 0;

	begin(256, gets);
	one();
	one();
	for (unsigned int i = 0; i < 2000; i++)
		waited += waits(0, 0, 0);
	CHECK(waited == 10);
	CHECK(q.map.slips[gets].in_vain == 1023);
	/* Until it has been of use again. */
	for (unsigned int i = 0; i < 2000 && !waits(0, 100, 20); i++)
		;
	CHECK(ahead(gets) > 32 && ahead(gets) < 200);
	CHECK(q.map.slips[gets].in_vain == 511 && !q.map.slips[gets].left_out);
	CHECK(!q.map.slips[!gets].in_vain);
}

/* What has been claimed is under way, and not yet there. */
static void claimed(bool gets, int (*claim)(struct pyq_ring *r, struct pyq_op *op))
{
	struct pyq_op op = { .freed = false };

	begin(256, gets);
	one();
	CHECK(!claim(&q.map.ring, &op));
	CHECK(waits(0, 0, 0));

	begin(256, gets);
	CHECK(waits(32, 0, 0) && q.map.slips[gets].in_vain);
	begin(256, gets);
	CHECK(waits(33, 0, 0) && !q.map.slips[gets].in_vain);
	begin(256, gets);
	for (unsigned int i = 0; i < 32; i++)
		one();
	CHECK(!claim(&q.map.ring, &op));
	CHECK(waits(0, 0, 0) && q.map.slips[gets].in_vain);
}

/* --- and that it is done by who tries for a while ---------------------------- */

static bool glance(const pyq_queue *queue)
{
	struct pyq_op op;

	return one == put ? pyq_ring_glance_get(&queue->map.ring, &op) :
			    pyq_ring_glance_put(&queue->map.ring, &op);
}

static bool ready(pyq_queue *queue)
{
	struct pyq_op op = { .freed = false };

	return one == put ? !pyq_ring_can_get(&queue->map.ring, &op) :
			    !pyq_ring_can_put(&queue->map.ring, &op);
}

/* How far the other side has come by then. */
static ssize_t attempt(pyq_queue *queue, void *arg)
{
	(void)queue;
	*(uint64_t *)arg = ahead(one == put);
	return 1;
}

static uint64_t spins(bool gets, unsigned int of_all, unsigned int each_time)
{
	uint64_t seen = 0;

	begin(256, gets);
	wait.attempt = attempt;
	wait.glance = glance;
	wait.ready = ready;
	wait.arg = &seen;
	q.map.spinning = (struct pyqi_spinning){ .ns = 16000, .max = 16000 };
	left = of_all;
	each = each_time;
	CHECK(pyqi_spin(&q, &wait, PYQI_FOREVER) == 1);
	return seen;
}

static int claim_get(struct pyq_ring *r, struct pyq_op *op)
{
	return pyq_ring_claim_get(r, op, 48);
}

int main(void)
{
	for (int gets = 0; gets < 2; gets++) {
		a_stream(256, gets, 32);
		a_stream(255, gets, 31);
		a_stream(200, gets, 25);
		a_stream(32, gets, 4);
		laps(gets);
		until(gets);
		there_and_back(gets);
		a_few(gets);
		/* A small queue: it is not worth it. */
		begin(31, gets);
		CHECK(!waits(20, 0, 0));
		CHECK(spins(gets, 1000, 3) > 32);
		CHECK(spins(gets, 1, 1) == 1);
	}
	claimed(true, pyq_ring_claim_put);
	claimed(false, claim_get);
	/* Of long messages 64 KiB, if that is enough of them. */
	for (int gets = 0; gets < 2; gets++) {
		slot_size = 2048;
		a_stream(256, gets, 32);
		slot_size = 4160;
		a_stream(256, gets, 15);
		slot_size = 8192;
		a_stream(256, gets, 8);
		slot_size = 16448;
		begin(64, gets);
		CHECK(!waits(20, 0, 0));
	}
	return failures;
}
