// SPDX-License-Identifier: GPL-2.0
/*
 * Every call on the module, with each of its allocations and copies made to fail in
 * turn: it says what it may say, moves the messages that it says it has, loses none,
 * and leaves nothing behind.
 */
#include "fail_nth.h"
#include "mapped.h"
#include "skip.h"

#include <liburing.h>
#include <poll.h>
#include <sys/epoll.h>

enum { MAXSIZE = 4, SHORT = 40, LONG = 1000, LARGE = 20000, ROOM = 32768 };

/* What the ring of an unbounded queue has room for, if they are of the largest. */
#define SLOTS_MIN 16

/* A call that still fails so late never comes to an end. */
#define MOST_FAULTS 2000

/* A message: of the pattern from @at on; or, if made of pieces, each of them begins one further. */
struct message {
	size_t at;
	size_t len;
	size_t piece;
};

/* What is in a queue, or has been: nothing is allocated for it while things may fail. */
struct content {
	struct message messages[SLOTS_MIN + 8];
	unsigned int taken, put;
	bool shut;
};

/* What a call works on: made afresh for each fault. */
struct place {
	int dev;
	int q;			/* bounded; two messages in it, one of them large */
	int endless;		/* unbounded; two of its messages wait outside of its ring */
	int named;
	size_t q_bytes, endless_bytes;	/* of their mappings */
	int made;		/* an fd that the call has made, or -1 */
	void *mapped;		/* what it has mapped, or NULL */
	pid_t child;
	struct pyq_ring ring;	/* of q */
	struct pyq_op op;
	struct io_uring uring;
	char *buf;		/* the pattern */
	char *room;
	struct content in_q, in_endless;	/* by what the calls have said */
	bool wrong;		/* what they have taken was not what was next */
};

/* --- the calls ----------------------------------------------------------------- */

static long made(struct place *p, long fd)
{
	if (fd >= 0)
		p->made = fd;
	return fd;
}

static bool is_message(const char *buf, const struct message *m)
{
	for (size_t i = 0; i < m->len; i++)
		if ((unsigned char)buf[i] !=
		    pattern_byte(m->at + i / m->piece + i % m->piece, 1))
			return false;
	return true;
}

static void has_put(struct content *c, size_t at, size_t len)
{
	c->messages[c->put++] = (struct message){ at, len, len };
}

/* A put that returns 0 has put one. */
static long put_from(struct place *p, size_t at, size_t len, uint64_t deadline)
{
	long ret = pq_put(p->q, p->buf + at, len, deadline);

	if (!ret)
		has_put(&p->in_q, at, len);
	return ret;
}

static long put_outside(struct place *p, size_t at, size_t len)
{
	long ret = pq_put(p->endless, p->buf + at, len, PYQUEUE_NOWAIT);

	if (!ret)
		has_put(&p->in_endless, at, len);
	return ret;
}

/* A get that says @len has taken the next one, which is at @buf. */
static long got(struct place *p, struct content *c, const char *buf, long len)
{
	const struct message *next = &c->messages[c->taken];

	if (len < 0)
		return len;
	if (c->taken++ == c->put || len != (long)next->len || !is_message(buf, next))
		p->wrong = true;
	return len;
}

static long get_to(struct place *p, char *buf, size_t room, uint64_t deadline)
{
	return got(p, &p->in_q, buf, pq_get(p->q, buf, room, deadline));
}

static long get_outside(struct place *p)
{
	return got(p, &p->in_endless, p->room,
		   pq_get(p->endless, p->room, ROOM, PYQUEUE_NOWAIT));
}

/* How many have been moved, the first of @msgs. */
static long put_some(struct place *p, const struct pyqueue_msg *msgs, long ret)
{
	for (long i = 0; i < ret; i++)
		has_put(&p->in_q, (char *)(uintptr_t)msgs[i].buf - p->buf, msgs[i].len);
	return ret;
}

static long got_some(struct place *p, const struct pyqueue_msg *msgs, long ret)
{
	for (long i = 0; i < ret; i++)
		got(p, &p->in_q, (char *)(uintptr_t)msgs[i].buf, msgs[i].len);
	return ret;
}

static long call_open_device(struct place *p)
{
	return made(p, dev_open());
}

static long call_info(struct place *p)
{
	struct pyqueue_info info = { .size = sizeof(info) };

	return pq_ioctl(p->dev, PYQUEUE_IOC_INFO, &info);
}

static long call_create(struct place *p)
{
	return made(p, pq_create(p->dev, .maxsize = 200, .payload = 100));
}

static long call_create_unbounded(struct place *p)
{
	return made(p, pq_create(p->dev, .max_msg = 100000));
}

static long call_create_named(struct place *p)
{
	long ret = made(p, pq_create_named(p->dev, "another", .maxsize = 3));
	struct pyqueue_unlink a = { .size = sizeof(a), .name = (uintptr_t)"another",
		.name_len = 7 };
	bool there = ioctl(p->dev, PYQUEUE_IOC_UNLINK, &a) == 0;

	/* The unlinking may be what has failed: then it goes with the place. */
	if (ret < 0 && there)
		return -EEXIST;
	return ret;
}

static long call_create_found(struct place *p)
{
	return made(p, pq_create_named(p->dev, "name", .maxsize = 3));
}

/* proves: OPEN -ENOMEM */
static long call_open(struct place *p)
{
	return made(p, pq_open(p->dev, "name", PYQUEUE_READ));
}

static long call_unlink(struct place *p)
{
	return pq_unlink(p->dev, "name");
}

static long call_list(struct place *p)
{
	struct pyqueue_entry entries[3];
	struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)entries, .count = 3,
		.entry_size = sizeof(entries[0]) };

	return pq_ioctl(p->dev, PYQUEUE_IOC_LIST, &a);
}

static long call_put(struct place *p)
{
	return put_from(p, 8, SHORT, PYQUEUE_NOWAIT);
}

static long call_put_odd(struct place *p)
{
	return put_from(p, 9, SHORT - 1, PYQUEUE_NOWAIT);
}

static long call_put_long(struct place *p)
{
	return put_from(p, 10, LONG, PYQUEUE_NOWAIT);
}

static long call_put_large(struct place *p)
{
	return put_from(p, 11, LARGE, PYQUEUE_NOWAIT);
}

/* Until it is full; then for a while. */
static long call_put_wait(struct place *p)
{
	long ret = 0;

	for (size_t at = 12; !ret; at++)
		ret = put_from(p, at, LARGE, in_ns(MSEC));
	return ret;
}

static long call_put_outside(struct place *p)
{
	return put_outside(p, 8, SHORT);
}

static long call_put_large_outside(struct place *p)
{
	return put_outside(p, 8, LARGE);
}

static void set_puts(struct place *p, struct pyqueue_msg *msgs)
{
	msgs[0] = (struct pyqueue_msg){ .buf = (uintptr_t)p->buf + 8, .len = SHORT };
	msgs[1] = (struct pyqueue_msg){ .buf = (uintptr_t)p->buf + 9, .len = LARGE };
	msgs[2] = (struct pyqueue_msg){ .buf = (uintptr_t)p->buf + 10, .len = LONG };
}

static long call_put_many(struct place *p)
{
	struct pyqueue_msg msgs[3];

	set_puts(p, msgs);
	return put_some(p, msgs, pq_put_many(p->q, msgs, 3, PYQUEUE_NOWAIT));
}

static long call_get(struct place *p)
{
	return get_to(p, p->room, ROOM, PYQUEUE_NOWAIT);
}

static long call_get_outside(struct place *p)
{
	return get_outside(p);
}

/* All of the ring; the next of them wait outside, and have to be moved first. */
static long call_get_refill(struct place *p)
{
	long ret = 0;

	for (int i = 0; i < SLOTS_MIN + 2 && ret >= 0; i++)
		ret = get_outside(p);
	return ret;
}

/* Its memory is not there yet: page tables and pages are allocated on the way. */
static long call_get_cold(struct place *p)
{
	char *cold = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long ret;

	if (cold == MAP_FAILED)
		return -errno;
	/* The first is short, the second large. */
	ret = get_to(p, cold, ROOM, PYQUEUE_NOWAIT);
	if (ret >= 0)
		ret = get_to(p, cold + 64, ROOM - 64, PYQUEUE_NOWAIT);
	munmap(cold, ROOM);
	return ret;
}

static long call_get_too_long(struct place *p)
{
	return get_to(p, p->room, SHORT - 1, PYQUEUE_NOWAIT);
}

static void set_gets(struct place *p, struct pyqueue_msg *msgs)
{
	msgs[0] = (struct pyqueue_msg){ .buf = (uintptr_t)p->room, .len = SHORT };
	msgs[1] = (struct pyqueue_msg){ .buf = (uintptr_t)p->room + SHORT, .len = LARGE };
}

static long call_get_many(struct place *p)
{
	struct pyqueue_msg msgs[2];

	set_gets(p, msgs);
	return got_some(p, msgs, pq_get_many(p->q, msgs, 2, PYQUEUE_NOWAIT));
}

static long call_get_wait(struct place *p)
{
	long ret = 0;

	/* Until it is empty; then for a while. */
	while (ret >= 0)
		ret = get_to(p, p->room, ROOM, in_ns(MSEC));
	return ret;
}

static long call_qsize(struct place *p)
{
	return pq_qsize(p->q);
}

static long call_task_done(struct place *p)
{
	return pq_task_done(p->q, 1);
}

static long call_join(struct place *p)
{
	return pq_join(p->q, in_ns(MSEC));
}

static long call_shutdown(struct place *p)
{
	long ret = pq_shutdown(p->endless, PYQUEUE_IMMEDIATE);

	if (!ret) {
		p->in_endless.shut = true;
		p->in_endless.taken = p->in_endless.put;
	}
	return ret;
}

static long call_stat(struct place *p)
{
	struct pyqueue_stat st = { .size = sizeof(st) };

	return pq_ioctl(p->q, PYQUEUE_IOC_STAT, &st);
}

static long call_owner(struct place *p)
{
	return owner_of(p->q, p->ring.hdr);
}

static long call_wake(struct place *p)
{
	return pq_wake(p->q, PYQUEUE_WAKE_GETTERS | PYQUEUE_WAKE_POLL_IN, 1);
}

static long call_await(struct place *p)
{
	return pq_await(p->q, PYQUEUE_READ, in_ns(MSEC));
}

/* There is none as long as something waits outside. */
static long call_await_room(struct place *p)
{
	return pq_await(p->endless, PYQUEUE_WRITE, in_ns(MSEC));
}

/* As long as it fails the message is the claimer's. */
static long call_fetch(struct place *p)
{
	long ret = pq_fetch(p->q, PYQUEUE_FETCH_COPY | PYQUEUE_FETCH_RELEASE, &p->op, p->room,
			    ROOM);

	if (ret < 0 && pyq_ring_give_back(&p->ring, &p->op))
		return -EUCLEAN;
	return got(p, &p->in_q, p->room, ret);
}

static long call_write(struct place *p)
{
	long ret = write(p->q, p->buf + 8, LONG);

	if (ret == LONG)
		has_put(&p->in_q, 8, LONG);
	return ret < 0 ? -errno : ret;
}

static long call_writev(struct place *p)
{
	const struct message pieces = { .at = 8, .len = 99, .piece = 11 };
	struct iovec vec[9];
	long ret;

	for (int i = 0; i < 9; i++)
		vec[i] = (struct iovec){ p->buf + pieces.at + i, pieces.piece };
	ret = writev(p->q, vec, 9);
	if (ret == (long)pieces.len)
		p->in_q.messages[p->in_q.put++] = pieces;
	return ret < 0 ? -errno : ret;
}

static long call_read(struct place *p)
{
	long ret = read(p->q, p->room, ROOM);

	return got(p, &p->in_q, p->room, ret < 0 ? -errno : ret);
}

static long call_readv(struct place *p)
{
	struct iovec vec[2] = { { p->room, 7 }, { p->room + 7, ROOM - 7 } };
	long ret = readv(p->q, vec, 2);

	return got(p, &p->in_q, p->room, ret < 0 ? -errno : ret);
}

static long call_poll(struct place *p)
{
	struct pollfd fds[2] = { { .fd = p->q, .events = POLLIN | POLLOUT },
				 { .fd = p->endless, .events = POLLIN } };
	int ret = poll(fds, 2, 0);

	return ret < 0 ? -errno : ret;
}

static long call_epoll(struct place *p)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int ret = made(p, epoll_create1(EPOLL_CLOEXEC));

	if (ret >= 0)
		ret = epoll_ctl(ret, EPOLL_CTL_ADD, p->q, &event);
	return ret < 0 ? -errno : ret;
}

static long call_mmap(struct place *p)
{
	/* Where there are no page tables yet. */
	void *at = mmap((void *)0x300000000000, p->endless_bytes, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_FIXED_NOREPLACE, p->endless, 0);

	if (at == MAP_FAILED)
		return -errno;
	p->mapped = at;
	return 0;
}

/* In vain, but not before the kernel has copied it. */
static long call_mremap(struct place *p)
{
	void *to = mremap(p->ring.hdr, p->q_bytes, p->q_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			  p->room + ROOM);

	return to == MAP_FAILED ? -errno : 0;
}

/* A child that has the mapping too, under the same number. */
static long call_fork(struct place *p)
{
	if (madvise(p->ring.hdr, p->q_bytes, MADV_DOFORK))
		return -errno;
	p->child = fork();
	if (!p->child)
		_exit(0);
	if (p->child < 0) {
		p->child = 0;
		return -errno;
	}
	return 0;
}

static long call_fdinfo(struct place *p)
{
	char path[64], text[4096];
	long n;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", p->q);
	n = made(p, open(path, O_RDONLY | O_CLOEXEC));
	if (n < 0)
		return -errno;
	n = read(n, text, sizeof(text));
	return n < 0 ? -errno : 0;
}

/*
 * Submit what has been prepared; again what could not be because of a fault. Return: whether
 * that with no user_data has completed, with @res.
 */
static bool submit(struct place *p, long *res)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	bool done = false;

	do {
		io_uring_submit(&p->uring);
		io_uring_get_events(&p->uring);
	} while (io_uring_sq_ready(&p->uring));
	io_uring_for_each_cqe(&p->uring, head, cqe) {
		n++;
		if (cqe->user_data)
			continue;
		*res = cqe->res;
		done = true;
	}
	io_uring_cq_advance(&p->uring, n);
	return done;
}

static long complete(struct place *p)
{
	long res;

	while (!submit(p, &res))
		;
	return res;
}

static void prepare(struct place *p, unsigned int op, const struct pyqueue_uring *payload,
		    unsigned int flags, uint64_t user_data)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&p->uring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, p->q, NULL, 0, 0);
	sqe->cmd_op = op;
	memcpy(sqe->cmd, payload, sizeof(*payload));
	sqe->flags = flags;
	sqe->user_data = user_data;
}

/* A command, and another that cancels it if it waits; again if that is what has failed. */
static long command(struct place *p, unsigned int op, const void *arg, unsigned int flags)
{
	const struct pyqueue_uring payload = { .arg = (uintptr_t)arg, .tag = 1 };
	const struct pyqueue_uring cancel = { .tag = 1 };
	long res;

	prepare(p, op, &payload, flags, 0);
	do
		prepare(p, PYQUEUE_URING_CANCEL, &cancel, 0, 1);
	while (!submit(p, &res));
	return res;
}

static long put_command(struct place *p, size_t at, size_t len, uint64_t deadline)
{
	struct pyqueue_put put = { .size = sizeof(put), .deadline_ns = deadline,
		.buf = (uintptr_t)p->buf + at, .len = len };
	long ret = command(p, PYQUEUE_IOC_PUT, &put, 0);

	if (!ret)
		has_put(&p->in_q, at, len);
	return ret;
}

static long get_command(struct place *p, unsigned int flags)
{
	struct pyqueue_get get = { .size = sizeof(get), .deadline_ns = in_ns(60 * SEC),
		.buf = (uintptr_t)p->room, .len = ROOM };

	return got(p, &p->in_q, p->room, command(p, PYQUEUE_IOC_GET, &get, flags));
}

static long many_command(struct place *p, unsigned int op, struct pyqueue_msg *msgs,
			 unsigned int count)
{
	struct pyqueue_many many = { .size = sizeof(many), .deadline_ns = in_ns(60 * SEC),
		.msgs = (uintptr_t)msgs, .count = count };

	return command(p, op, &many, 0);
}

static long call_uring_put(struct place *p)
{
	return put_command(p, 8, LARGE, PYQUEUE_NOWAIT);
}

static long call_uring_get(struct place *p)
{
	return get_command(p, 0);
}

/* By a worker. */
static long call_uring_get_async(struct place *p)
{
	return get_command(p, IOSQE_ASYNC);
}

static long call_uring_put_many(struct place *p)
{
	struct pyqueue_msg msgs[3];

	set_puts(p, msgs);
	return put_some(p, msgs, many_command(p, PYQUEUE_IOC_PUT_MANY, msgs, 3));
}

static long call_uring_get_many(struct place *p)
{
	struct pyqueue_msg msgs[2];

	set_gets(p, msgs);
	return got_some(p, msgs, many_command(p, PYQUEUE_IOC_GET_MANY, msgs, 2));
}

static long call_uring_task_done(struct place *p)
{
	struct pyqueue_task_done done = { .size = sizeof(done), .count = 1 };

	return command(p, PYQUEUE_IOC_TASK_DONE, &done, 0);
}

/* There is no room for it: it waits, and is cancelled. */
static long call_uring_wait(struct place *p)
{
	long ret = 0;

	for (size_t at = 8; at < 8 + MAXSIZE - 2 && !ret; at++)
		ret = put_from(p, at, SHORT, PYQUEUE_NOWAIT);
	return ret ?: put_command(p, 20, SHORT, in_ns(60 * SEC));
}

static long call_uring_poll(struct place *p)
{
	io_uring_prep_poll_add(io_uring_get_sqe(&p->uring), p->q, POLLIN | POLLOUT);
	return complete(p);
}

static long call_uring_write(struct place *p)
{
	long ret;

	io_uring_prep_write(io_uring_get_sqe(&p->uring), p->q, p->buf + 8, LONG, 0);
	ret = complete(p);
	if (ret == LONG)
		has_put(&p->in_q, 8, LONG);
	return ret;
}

static long call_uring_read(struct place *p)
{
	io_uring_prep_read(io_uring_get_sqe(&p->uring), p->q, p->room, ROOM, 0);
	return got(p, &p->in_q, p->room, complete(p));
}

/* With a slot in hand, which is nobody's then. */
static long call_unmap(struct place *p)
{
	struct pyq_op op = { .freed = false };
	int err;

	if (pyq_ring_claim_put(&p->ring, &op))
		return -EUCLEAN;
	if (!munmap(p->ring.hdr, p->q_bytes)) {
		p->ring.hdr = NULL;
		return 0;
	}
	err = -errno;
	return pyq_ring_abort(&p->ring, &op) ?: err;
}

/* --- each of them --------------------------------------------------------------- */

FIXTURE(fail_nth) {
	struct injector injector;
	char *buf;
};

FIXTURE_VARIANT(fail_nth) {
	long (*call)(struct place *p);
	int also[2];	/* what it may say beside -ENOMEM and -EFAULT; 0 is nothing */
	int always;	/* what it says without a fault, if it is that */
	bool claims;	/* the large message is in our hand */
	unsigned int least;	/* faults that there must be, on each kernel */
	/*
	 * There need not be any: all it does is copies of single words (get_user() and the
	 * like), which the kernel never has fail. edges.c does, by memory that is not there.
	 */
	bool none;
};

#define CALL(name, ...) FIXTURE_VARIANT_ADD(fail_nth, name) { .call = call_##name, __VA_ARGS__ }

CALL(open_device, .least = 2);
CALL(info, .least = 2);
CALL(create, .least = 15);
CALL(create_unbounded, .least = 60);
CALL(create_named, .least = 10);
CALL(create_found, .least = 3);
CALL(open, .least = 3);
CALL(unlink, .least = 2);
CALL(list, .least = 3);
CALL(put, .none = true);
CALL(put_odd, .none = true);
CALL(put_long, .least = 2);
CALL(put_large, .least = 9);
CALL(put_wait, .least = 25, .always = -ETIMEDOUT);
CALL(put_outside, .least = 2);
CALL(put_large_outside, .least = 6);
CALL(put_many, .least = 13);
CALL(get, .none = true);
CALL(get_outside, .none = true);
CALL(get_refill, .least = 5);
CALL(get_cold, .least = 10);
CALL(get_too_long, .none = true, .always = -EMSGSIZE);
CALL(get_many, .least = 6);
CALL(get_wait, .least = 5, .always = -ETIMEDOUT);
CALL(qsize, .none = true);
CALL(task_done, .least = 1);
CALL(join, .least = 1, .always = -ETIMEDOUT);
CALL(shutdown, .least = 1);
CALL(stat, .least = 2);
CALL(owner, .least = 1);
CALL(wake, .least = 1);
CALL(await, .least = 1);
CALL(await_room, .least = 1, .always = -ETIMEDOUT);
CALL(fetch, .least = 6, .claims = true);
CALL(write, .least = 2);
CALL(writev, .least = 9);
CALL(read, .none = true);
CALL(readv, .least = 2);
CALL(poll, .least = 1);
CALL(epoll, .least = 4);
CALL(mmap, .least = 6);
CALL(mremap, .least = 1, .always = -EINVAL);
CALL(fork, .least = 60, .also = { -EAGAIN });
CALL(fdinfo, .least = 4);
CALL(uring_put, .least = 10);
CALL(uring_get, .least = 2);
CALL(uring_get_async, .least = 1, .also = { -EAGAIN, -ECANCELED });
CALL(uring_put_many, .least = 14);
CALL(uring_get_many, .least = 6);
CALL(uring_task_done, .least = 2);
CALL(uring_wait, .least = 1, .also = { -EAGAIN }, .always = -ECANCELED);
CALL(uring_poll, .least = 1);
CALL(uring_write, .least = 2);
CALL(uring_read, .least = 1);
CALL(unmap, .least = 1);

FIXTURE_SETUP(fail_nth)
{
	int err = inject_open(&self->injector);

	if (err == -ENOENT && !inject_must())
		SKIP_ALL("this kernel injects no faults: make check-debug has one that does");
	ASSERT_EQ(0, err) TH_LOG("a kernel that watches itself should inject faults");
	ASSERT_TRUE(own_names());
	/* The pattern, room, and beyond it where nothing may be moved to. */
	self->buf = mmap(NULL, 2 * ROOM + 65536, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buf);
	fill_pattern(self->buf, ROOM, 1);
}

FIXTURE_TEARDOWN(fail_nth)
{
	inject_close(&self->injector);
}

static bool begin(struct place *p, char *buf, bool claims)
{
	*p = (struct place){ .made = -1, .buf = buf, .room = buf + ROOM };
	p->dev = dev_open();
	p->q = pq_create(p->dev, .maxsize = MAXSIZE, .payload = 2000, .max_msg = ROOM);
	p->endless = pq_create(p->dev, .payload = PYQUEUE_PAYLOAD_MAX, .max_msg = ROOM);
	p->named = pq_create_named(p->dev, "name", .maxsize = 1);
	if (p->dev < 0 || p->q < 0 || p->endless < 0 || p->named < 0)
		return false;
	p->q_bytes = pq_stat(p->q).map_bytes;
	p->endless_bytes = pq_stat(p->endless).map_bytes;
	if (fcntl(p->q, F_SETFL, O_NONBLOCK) || io_uring_queue_init(4, &p->uring, 0))
		return false;
	if (put_from(p, 0, SHORT, PYQUEUE_NOWAIT) || put_from(p, 1, LARGE, PYQUEUE_NOWAIT))
		return false;
	/* Two more than the ring has room for; one is so long that copies of it can fail. */
	if (pq_stat(p->endless).slots != SLOTS_MIN)
		return false;
	for (size_t i = 0; i < SLOTS_MIN + 2; i++)
		if (put_outside(p, i, i == SLOTS_MIN + 1 ? LARGE : SHORT))
			return false;
	if (map_ring(p->q, &p->ring) < 0)
		return false;
	if (!claims)
		return true;
	/* The short one goes, the large one is in hand. */
	return get_to(p, p->room, ROOM, PYQUEUE_NOWAIT) == SHORT &&
	       !pyq_ring_claim_get(&p->ring, &p->op, UINT64_MAX);
}

/* All that is there is what has been put and not taken, in order; then it works. */
static bool drain(struct place *p, int q, struct content *c)
{
	const long none = c->shut ? -ESHUTDOWN : -EAGAIN;

	while (c->taken < c->put && !p->wrong)
		if (got(p, c, p->room, pq_get(q, p->room, ROOM, PYQUEUE_NOWAIT)) < 0)
			return false;
	if (p->wrong || pq_get(q, p->room, ROOM, PYQUEUE_NOWAIT) != none)
		return false;
	if (c->shut)
		return true;
	has_put(c, 100, SHORT);
	return !pq_put(q, p->buf + 100, SHORT, PYQUEUE_NOWAIT) &&
	       got(p, c, p->room, pq_get(q, p->room, ROOM, PYQUEUE_NOWAIT)) == SHORT && !p->wrong;
}

static void end(struct place *p)
{
	if (p->child)
		waitpid(p->child, NULL, 0);
	if (p->mapped)
		munmap(p->mapped, p->endless_bytes);
	if (p->ring.hdr)
		munmap(p->ring.hdr, p->q_bytes);
	if (p->made >= 0)
		close(p->made);
	io_uring_queue_exit(&p->uring);
	unlink_all(p->dev);
	close(p->named);
	close(p->endless);
	close(p->q);
	close(p->dev);
}

/* One fault. Return: whether there was one. */
static bool strike(struct __test_metadata *_metadata, FIXTURE_DATA(fail_nth) *self,
		   const FIXTURE_VARIANT(fail_nth) *variant, unsigned int nth)
{
	struct place place;
	long ret, always = variant->always;
	bool struck;

	ASSERT_TRUE(begin(&place, self->buf, variant->claims));
	/* Where the kernel cannot let a command wait. */
	if (always == -ECANCELED && !(pq_info(place.dev).features & PYQUEUE_FEAT_URING_CMD))
		always = -EAGAIN;
	ASSERT_TRUE(inject_arm(&self->injector, nth));
	ret = variant->call(&place);
	struck = inject_disarm(&self->injector);

	if (!struck) {
		EXPECT_EQ(always, ret < 0 ? ret : 0);
	} else if (ret < 0 && ret != always && ret != variant->also[0] &&
		   ret != variant->also[1] && ret != -ENOMEM) {
		EXPECT_EQ(-EFAULT, ret);
	}
	/* A call must not have moved what it does not know of. */
	EXPECT_FALSE(place.wrong);
	EXPECT_TRUE(drain(&place, place.q, &place.in_q));
	EXPECT_TRUE(drain(&place, place.endless, &place.in_endless));
	if (!_metadata->passed)
		TH_LOG("fault %u: said %ld; put and taken: %u, %u; without bound: %u, %u", nth, ret,
		       place.in_q.put, place.in_q.taken, place.in_endless.put,
		       place.in_endless.taken);
	end(&place);
	return struck;
}

/* Hundreds of faults, and a place for each of them. */
TEST_F_TIMEOUT(fail_nth, each_fault, 600)
{
	int dev = dev_open(), fd = next_fd();
	unsigned int nth = 1;

	ASSERT_LE(0, dev);
	/* What io_uring holds goes a little later. */
	EXPECT_TRUE(eventually(!pq_info(dev).user_queues));
	while (nth <= MOST_FAULTS && strike(_metadata, self, variant, nth) && _metadata->passed)
		nth++;
	EXPECT_GT(MOST_FAULTS, nth);
	TH_LOG("%u faults", nth - 1);
	/* A kernel that injects nothing would pass everything. */
	EXPECT_TRUE(variant->least || variant->none);
	EXPECT_LE(variant->least, nth - 1);

	EXPECT_EQ(fd, next_fd());
	EXPECT_TRUE(eventually(!pq_info(dev).user_queues && !pq_info(dev).user_bytes));
	close(dev);
}

TEST_HARNESS_MAIN
