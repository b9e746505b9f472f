// SPDX-License-Identifier: GPL-2.0
/*
 * A queue in shared memory, and somebody who spoils it.
 *
 * The input is either a file as an open finds it (any bytes, or a queue in which some
 * words are others), or a queue that is spoilt between calls and, since the library is
 * compiled with shm_steps.h, before any atomic operation inside of a call. Which calls
 * there are, with what, by which of three handles, and who of them dies, the input says as
 * well.
 *
 * Whatever comes, every call ends, touches nothing but its own memory and the queue's,
 * and returns what is documented.
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../lib/blocks.h"
#include "../../lib/shm_file.h"

#include "check.h"
#include "input.h"

#define HANDLES 3
#define LOANS 4
#define MANY 5

/* Calls an input has, and spoilt words inside of calls: the rest would only take long. */
#define CALLS 64
#define PENDING 8

/* A word that is spoilt. */
struct spoil {
	uint8_t what;
	uint8_t index;
	uint8_t how;
	uint64_t value;
};

struct loan {
	struct pyq_loan loan;
	unsigned int handle;
	bool reserved;
	void *copy; /* what it holds that is not in the ring */
};

static struct {
	pyq_queue *handles[HANDLES];
	struct loan loans[LOANS];
	/* To be spoilt in calls: after so many more steps each. */
	struct {
		unsigned int steps;
		struct spoil spoil;
	} pending[PENDING];
	unsigned int nr_pending;
	unsigned int first_pending;
} scene;

/* Those who poll have threads of their own, whose steps nobody counts. */
static __thread bool is_main;

/* --- spoiling ---------------------------------------------------------------------- */

/* A handle that is open, the @from-th or another; NULL if there is none. */
static pyq_queue *open_handle(unsigned int from)
{
	for (unsigned int i = 0; i < HANDLES; i++) {
		pyq_queue *q = scene.handles[(from + i) % HANDLES];

		if (q)
			return q;
	}
	return NULL;
}

static uint64_t near_truth(const struct spoil *s, const pyq_queue *q, uint64_t is)
{
	const struct pyq_ring *r = &q->map.ring;
	const uint64_t head = r->hdr->head, low = s->value & 0xff;
	const uint64_t pos = head + (int8_t)low;

	switch (s->how % 8) {
	case 0:
		return low;
	case 1:
		return pos;
	case 2:
		return pos | PYQUEUE_CLOSED;
	case 3: /* a slot's word: state, flags, owner, deliveries */
		return pyq_word(pyq_ring_lap(r, pos), (uint16_t)(s->value >> 8 & 7),
				(uint8_t)(s->value >> 16), s->value >> 11 & 1,
				(enum pyqueue_state)(s->value >> 12 & 15));
	case 4:
		return is ^ 1ULL << low % 64;
	case 5:
		return is + (uint64_t)(int8_t)low;
	case 6:
		return ~low;
	default:
		return s->value;
	}
}

static void spoil_u64(const struct spoil *s, const pyq_queue *q, void *at)
{
	uint64_t *word = at;

	__atomic_store_n(word, near_truth(s, q, __atomic_load_n(word, __ATOMIC_RELAXED)),
			 __ATOMIC_SEQ_CST);
}

static void spoil_u32(const struct spoil *s, const pyq_queue *q, void *at)
{
	uint32_t *word = at;

	__atomic_store_n(word,
			 (uint32_t)near_truth(s, q, __atomic_load_n(word, __ATOMIC_RELAXED)),
			 __ATOMIC_SEQ_CST);
}

static void spoil(const struct spoil *s)
{
	pyq_queue *q = open_handle(0);
	struct pyqueue_header *hdr;
	struct pyqueue_slot *slot;
	struct pyqi_block *block;
	char *bytes;

	if (!q)
		return;
	hdr = q->map.ring.hdr;
	slot = pyq_ring_slot(&q->map.ring, hdr->head + s->index);
	block = q->map.large && q->map.nr_blocks ?
			(struct pyqi_block *)(void *)(q->map.large + q->map.block_at) +
				s->index % q->map.nr_blocks :
			NULL;
	bytes = (char *)hdr;
	switch (s->what % 24) {
	case 0:
		return spoil_u64(s, q, &hdr->tail);
	case 1:
		return spoil_u64(s, q, &hdr->head);
	case 2:
		return spoil_u64(s, q, &hdr->head_cache);
	case 3:
		return spoil_u64(s, q, &hdr->marks);
	case 4:
		return spoil_u64(s, q, &hdr->skipped);
	case 5:
		return spoil_u64(s, q, &hdr->done);
	case 6:
		return spoil_u32(s, q, &hdr->detour);
	case 7:
		return spoil_u64(s, q, &hdr->getters.sleepers);
	case 8:
		return spoil_u64(s, q, &hdr->putters.sleepers);
	case 9:
		return spoil_u64(s, q, &hdr->joiners.sleepers);
	case 10:
		return spoil_u32(s, q, s->index & 1 ? &hdr->getters.pollers : &hdr->putters.pollers);
	case 11:
		return spoil_u64(s, q, &hdr->overflow);
	case 12:
	case 13:
		return spoil_u64(s, q, &slot->word);
	case 14:
		return spoil_u32(s, q, &slot->len);
	case 15: /* where a message begins that is in blocks */
		return spoil_u32(s, q, slot->payload);
	case 16:
		return block ? spoil_u64(s, q, &block->word) : (void)0;
	case 17:
		return block ? spoil_u32(s, q, &block->next) : (void)0;
	case 18:
		return block ? spoil_u64(s, q, &block->position) : (void)0;
	case 19:
		return spoil_u64(s, q, &q->map.shm->owners[s->index & 1 ? 0 : s->index % 64]);
	case 20:
		return spoil_u64(s, q, &q->map.shm->committed);
	case 21:
		return spoil_u32(s, q, s->index & 1 ? &q->map.shm->hint : &q->map.shm->nr_blocks);
	case 22:
		return spoil_u64(s, q, &q->map.shm->looked);
	default: /* what nobody is to look at again, and what is between */
		return spoil_u64(s, q, bytes + s->index * 8 % PYQUEUE_HEADER_SIZE);
	}
}

static struct spoil read_spoil(struct input *in)
{
	struct spoil s = { .what = input_byte(in), .index = input_byte(in) };

	s.how = input_byte(in);
	s.value = input_number(in, s.how % 8 == 7 ? 8 : s.how % 8 == 3 ? 3 : 1);
	return s;
}

void shm_step(void)
{
	if (!is_main || scene.first_pending == scene.nr_pending)
		return;
	if (scene.pending[scene.first_pending].steps--)
		return;
	spoil(&scene.pending[scene.first_pending++].spoil);
}

/* --- calls ------------------------------------------------------------------------- */

static int64_t timeout_of(uint8_t byte)
{
	return byte & 0x80 ? 1000 : PYQ_NOWAIT;
}

#define PUT_ERRORS \
	EAGAIN, ETIMEDOUT, ESHUTDOWN, E2BIG, ENOBUFS, ENOMEM, EUCLEAN, EOWNERDEAD

#define GET_ERRORS EAGAIN, ETIMEDOUT, ESHUTDOWN, EMSGSIZE, ENOMEM, EUCLEAN, EOWNERDEAD

/* Exactly as large as it is said to be, so that ASan sees a byte too many. */
static unsigned char *room(size_t size)
{
	unsigned char *at = malloc(size ? size : 1);

	REQUIRE(at);
	memset(at, 0x55, size ? size : 1);
	return at;
}

/* Lengths up to some blocks. */
static size_t length_of(uint8_t byte)
{
	return byte < 0xc0 ? byte : (size_t)(byte - 0xbf) * 700;
}

static void put(pyq_queue *q, struct input *in)
{
	const uint8_t how = input_byte(in);
	const size_t len = length_of(input_byte(in));
	unsigned char *data = room(len);

	CALL(pyq_put(q, data, len, timeout_of(how)), PUT_ERRORS);
	free(data);
}

static void put_many(pyq_queue *q, struct input *in)
{
	const uint8_t how = input_byte(in);
	const size_t n = 1 + how % MANY;
	struct pyq_msg msgs[MANY] = { 0 };

	for (size_t i = 0; i < n; i++) {
		msgs[i].len = length_of(input_byte(in));
		msgs[i].data = room(msgs[i].len);
	}
	REQUIRE(CALL(pyq_put_many(q, msgs, n, timeout_of(how)), PUT_ERRORS) <= (long)n);
	for (size_t i = 0; i < n; i++)
		free(msgs[i].data);
}

static void get(pyq_queue *q, struct input *in)
{
	const uint8_t how = input_byte(in);
	const size_t size = length_of(input_byte(in));
	unsigned char *data = room(size);

	REQUIRE(CALL(pyq_get(q, data, size, timeout_of(how)), GET_ERRORS) <= (long)size);
	free(data);
}

static void get_msg(pyq_queue *q, struct input *in)
{
	const uint8_t how = input_byte(in);
	struct pyq_msg msg = { .size = length_of(input_byte(in)) };
	long ret;

	msg.data = room(msg.size);
	ret = CALL(pyq_get_msg(q, &msg, timeout_of(how)), GET_ERRORS);
	REQUIRE(ret < 0 || ((size_t)ret == msg.len && msg.len <= msg.size && msg.deliveries));
	REQUIRE(ret != -EMSGSIZE || msg.len > msg.size);
	free(msg.data);
}

static void get_many(pyq_queue *q, struct input *in)
{
	const uint8_t how = input_byte(in);
	const size_t n = 1 + how % MANY;
	struct pyq_msg msgs[MANY] = { 0 };
	long ret;

	for (size_t i = 0; i < n; i++) {
		msgs[i].size = length_of(input_byte(in));
		msgs[i].data = room(msgs[i].size);
	}
	ret = CALL(pyq_get_many(q, msgs, n, timeout_of(how)), GET_ERRORS);
	REQUIRE(ret <= (long)n);
	for (long i = 0; i < ret; i++)
		REQUIRE(msgs[i].len <= msgs[i].size && msgs[i].deliveries);
	for (size_t i = 0; i < n; i++)
		free(msgs[i].data);
}

static void get_alloc(pyq_queue *q, struct input *in)
{
	void *data;
	size_t len;

	if (!CALL(pyq_get_alloc(q, &data, &len, timeout_of(input_byte(in))), GET_ERRORS)) {
		REQUIRE(len <= pyq_max_msg(q) && !((char *)data)[len]);
	} else {
		REQUIRE(!data);
	}
	free(data);
}

static void get_any(struct input *in)
{
	const uint8_t how = input_byte(in);
	pyq_queue *qs[HANDLES];
	unsigned char buf[300];
	size_t n = 0, which = how;

	for (unsigned int i = 0; i < HANDLES; i++)
		if (scene.handles[i])
			qs[n++] = scene.handles[i];
	if (CALL(pyq_get_any(qs, n, &which, buf, sizeof(buf), timeout_of(how)), GET_ERRORS) >= 0)
		REQUIRE(which < n);
}

/* --- loans ------------------------------------------------------------------------- */

static bool is_in_ring(const pyq_queue *q, const void *at, size_t size)
{
	const char *begin = (const char *)q->map.ring.hdr, *p = at;

	return p >= begin && p + size <= begin + q->map.size;
}

static void lend(unsigned int handle, struct input *in, bool reserve)
{
	pyq_queue *q = scene.handles[handle];
	const uint8_t how = input_byte(in);
	struct loan *l = &scene.loans[how % LOANS];
	long err;

	if (l->loan.data)
		return;
	if (reserve)
		err = CALL(pyq_reserve(q, &l->loan, timeout_of(how)), PUT_ERRORS);
	else
		err = CALL(pyq_borrow(q, &l->loan, timeout_of(how)), GET_ERRORS);
	if (err) {
		l->loan.data = NULL;
		return;
	}
	l->handle = handle;
	l->reserved = reserve;
	l->copy = is_in_ring(q, l->loan.data, 0) ? NULL : l->loan.data;
	REQUIRE(!l->copy || !reserve);
	REQUIRE(l->loan.size <= pyq_max_msg(q));
	REQUIRE(l->copy || is_in_ring(q, l->loan.data, l->loan.size));
	/* All of it can be read, and if it is reserved written. */
	if (reserve)
		memset(l->loan.data, 0x77, l->loan.size);
	else
		free(memcpy(room(l->loan.size), l->loan.data, l->loan.size));
}

static void end_loan(struct loan *l, uint8_t how)
{
	pyq_queue *q = scene.handles[l->handle];
	long err;

	if (!l->loan.data)
		return;
	if (l->reserved && how & 1)
		err = CALL(pyq_commit(q, &l->loan, how < l->loan.size ? how : l->loan.size),
			   EOWNERDEAD, EINVAL);
	else if (l->reserved)
		err = CALL(pyq_discard(q, &l->loan), EOWNERDEAD, EINVAL);
	else if (how & 1)
		err = CALL(pyq_release(q, &l->loan), EOWNERDEAD, EINVAL);
	else
		err = CALL(pyq_give_back(q, &l->loan), EOWNERDEAD, EINVAL);
	/* It is ours, and ended once: the library could not know that. */
	if (err)
		free(l->copy);
	l->loan.data = NULL;
}

static void end_loans_of(unsigned int handle)
{
	for (unsigned int i = 0; i < LOANS; i++)
		if (scene.loans[i].handle == handle)
			end_loan(&scene.loans[i], 0);
}

/* --- the rest ---------------------------------------------------------------------- */

static void look(pyq_queue *q)
{
	const long most = 2 * (long)pyq_ring_slots(&q->map.ring);
	struct pyq_stat st;

	REQUIRE(CALL(pyq_qsize(q), EUCLEAN) <= most);
	pyq_empty(q);
	pyq_full(q);
	if (CALL(pyq_stat(q, &st), ENOMEM))
		return;
	REQUIRE(st.qsize <= (uint64_t)most && st.large_bytes <= st.max_bytes);
	REQUIRE(st.maxsize == pyq_maxsize(q) && st.max_msg == pyq_max_msg(q));
}

static void join(pyq_queue *q, struct input *in)
{
	CALL(pyq_join(q, timeout_of(input_byte(in))), EAGAIN, ETIMEDOUT, EUCLEAN);
}

static void task_done(pyq_queue *q, struct input *in)
{
	const uint8_t n = input_byte(in);

	CALL(pyq_task_done(q, n == 0xff ? UINT32_MAX : n), EINVAL, EUCLEAN);
}

static void poll_it(pyq_queue *q, struct input *in)
{
	struct pollfd pfd;

	if (!CALL(pyq_pollfd(q, input_byte(in) & 1 ? PYQ_READ : PYQ_WRITE, &pfd), ENOMEM, EUCLEAN))
		poll(&pfd, 1, 0);
}

static void open_another(unsigned int handle)
{
	pyq_queue *q = open_handle(0);
	int fd;

	if (scene.handles[handle] || !q)
		return;
	fd = dup(pyq_fd(q));
	REQUIRE(fd >= 0);
	if (CALL(pyq_from_fd(&scene.handles[handle], fd), ENOTTY, EUCLEAN, EUSERS, ENOMEM))
		close(fd);
	else
		pyq_set_spin(scene.handles[handle], 0);
}

static void close_one(unsigned int handle)
{
	end_loans_of(handle);
	pyq_close(scene.handles[handle]);
	scene.handles[handle] = NULL;
}

/* What it has in hand stays in its hands, its number stays in use, and its lock is free. */
static void kill_one(unsigned int handle)
{
	pyq_queue *q = scene.handles[handle], *other;
	const unsigned int owner = q->map.ring.owner;

	for (unsigned int i = 0; i < LOANS; i++) {
		struct loan *l = &scene.loans[i];

		if (l->handle != handle || !l->loan.data)
			continue;
		free(l->copy);
		l->loan.data = NULL;
	}
	q->map.lent = false;
	pyq_close(q);
	scene.handles[handle] = NULL;
	other = open_handle(0);
	if (other)
		__atomic_fetch_or(&other->map.shm->owners[owner / 64], 1ULL << owner % 64,
				  __ATOMIC_SEQ_CST);
}

static void one_call(struct input *in)
{
	const uint8_t what = input_byte(in);
	const unsigned int handle = what >> 6 ? (what >> 6) - 1 : 0;
	pyq_queue *q = scene.handles[handle];
	struct spoil s;

	switch (what & 0x3f) {
	case 0:
	case 1:
		s = read_spoil(in);
		return spoil(&s);
	case 2:
	case 3:
		if (scene.nr_pending == PENDING)
			return;
		scene.pending[scene.nr_pending].steps = input_byte(in);
		scene.pending[scene.nr_pending++].spoil = read_spoil(in);
		return;
	case 4:
		return open_another(handle);
	}
	if (!q)
		return;
	switch (what & 0x3f) {
	case 5:
		return close_one(handle);
	case 6:
		return kill_one(handle);
	case 7:
		return put(q, in);
	case 8:
		return put_many(q, in);
	case 9:
		return get(q, in);
	case 10:
		return get_msg(q, in);
	case 11:
		return get_many(q, in);
	case 12:
		return get_alloc(q, in);
	case 13:
		return lend(handle, in, true);
	case 14:
		return lend(handle, in, false);
	case 15:
		return end_loan(&scene.loans[input_byte(in) % LOANS], input_byte(in));
	case 16:
		return look(q);
	case 17:
		return task_done(q, in);
	case 18:
		return join(q, in);
	case 19:
		CALL(pyq_shutdown(q, false), ENOMEM);
		return;
	case 20:
		CALL(pyq_shutdown(q, true), ENOMEM);
		return;
	case 21:
		return poll_it(q, in);
	case 22:
		return get_any(in);
	}
}

static void all_calls(struct input *in)
{
	for (unsigned int calls = 0; calls < CALLS && !input_is_over(in); calls++)
		one_call(in);
	scene.nr_pending = scene.first_pending;
	for (unsigned int i = 0; i < HANDLES; i++)
		if (scene.handles[i])
			close_one(i);
}

/* --- the file ---------------------------------------------------------------------- */

static void read_attr(struct input *in, struct pyq_attr *attr)
{
	static const int64_t sizes[] = { 1, 3, 4, 16 };
	const uint8_t how = input_byte(in);
	const bool large_slots = how >> 5 == 7;

	*attr = (struct pyq_attr){
		.backend = "shm",
		.maxsize = sizes[how & 3],
		.payload = large_slots ? 40000 : how & 4 ? 240 : 48,
		.max_msg = how & 8 ? 48 : large_slots ? 50000 : 40000,
		.max_bytes = how & 16 ? 8 << 12 : 100 << 12,
	};
}

/* A queue's file, in which some words are others, or which is longer, shorter or has holes. */
static void make_file(struct input *in, int fd)
{
	struct pyq_attr attr;
	unsigned int words;
	uint8_t how;

	read_attr(in, &attr);
	REQUIRE(!pyqi_shm_format(fd, &attr));
	how = input_byte(in);
	words = how & 15;
	while (words--) {
		uint16_t at = (uint16_t)input_number(in, 2);
		const unsigned int bytes = at & 0x8000 ? 4 : 8;
		const uint64_t value = input_number(in, bytes);

		at &= 0x1fff;
		REQUIRE(pwrite(fd, &value, bytes, at) == (ssize_t)bytes);
	}
	if (how & 16)
		REQUIRE(!ftruncate(fd, (off_t)(input_number(in, 4) & (1u << 28) - 1)));
	if (how & 32)
		REQUIRE(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
				   input_byte(in) * 512, 1 + input_byte(in) * 512));
	if (how & 64)
		REQUIRE(!fallocate(fd, 0, 0, 1 + (off_t)input_number(in, 2) * 16));
}

static void make_rubbish(struct input *in, int fd)
{
	const size_t n = (size_t)(in->end - in->at);

	REQUIRE(pwrite(fd, in->at, n, 0) == (ssize_t)n);
	in->at = in->end;
}

static int count_name(const struct pyq_name *name, void *arg)
{
	(void)arg;
	REQUIRE(name->maxsize > 0 && name->qsize <= (uint64_t)name->maxsize);
	return 0;
}

#define NAME "pyqueue-fuzz"
#define OPEN_ERRORS ENOTTY, EUCLEAN, EUSERS, ENOMEM, EBADF

static void find_file(struct input *in, bool rubbish, bool named)
{
	int fd = named ? open("/dev/shm/pyqueue." NAME, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) :
			 memfd_create("fuzz", MFD_CLOEXEC);
	long err;

	REQUIRE(fd >= 0);
	if (rubbish)
		make_rubbish(in, fd);
	else
		make_file(in, fd);
	if (named) {
		close(fd);
		err = CALL(pyq_open(&scene.handles[0], NAME, 0), EUCLEAN, EUSERS, ENOMEM, EACCES);
		CALL(pyq_list(count_name, NULL), EMFILE);
		CALL(pyq_unlink(NAME), EUCLEAN);
	} else {
		err = CALL(pyq_from_fd(&scene.handles[0], fd), OPEN_ERRORS);
		if (err)
			close(fd);
	}
	REQUIRE(!err == !!scene.handles[0]);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	is_main = true;
	setenv("PYQUEUE_BACKEND", "shm", 1);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { .at = data, .end = data + size };
	const uint8_t how = input_byte(&in);
	struct pyq_attr attr;

	memset(&scene, 0, sizeof(scene));
	if (how & 1) {
		find_file(&in, how & 2, how & 4);
	} else {
		read_attr(&in, &attr);
		REQUIRE(!CALL(pyq_create(&scene.handles[0], &attr), ENOMEM));
	}
	if (scene.handles[0])
		pyq_set_spin(scene.handles[0], 0);
	all_calls(&in);
	return 0;
}
