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

/* A call that still fails so late never comes to an end. */
#define MOST_FAULTS 2000

/* What a call works on: made afresh for each fault. */
struct place {
	int dev;
	int q;			/* bounded; two messages in it, one of them large */
	int endless;		/* unbounded; some of its messages wait outside of its ring */
	int named;
	size_t q_bytes, endless_bytes;	/* of their mappings */
	int made;		/* an fd that the call has made, or -1 */
	void *mapped;		/* what it has mapped, or NULL */
	pid_t child;
	struct pyq_ring ring;	/* of q */
	struct pyq_op op;
	struct io_uring uring;
	char *buf;
	long puts, gets;	/* what it says it has moved, of q */
};

/* --- the calls ----------------------------------------------------------------- */

static long made(struct place *p, long fd)
{
	if (fd >= 0)
		p->made = fd;
	return fd;
}

/* A put that returns 0 has put one; PUT_MANY says how many. */
static long put_one(struct place *p, long ret)
{
	p->puts += !ret;
	return ret;
}

static long put_some(struct place *p, long ret)
{
	p->puts += ret > 0 ? ret : 0;
	return ret;
}

static long got_one(struct place *p, long ret)
{
	p->gets += ret >= 0;
	return ret;
}

static long got_some(struct place *p, long ret)
{
	p->gets += ret > 0 ? ret : 0;
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
	return put_one(p, pq_put(p->q, p->buf, SHORT, PYQUEUE_NOWAIT));
}

static long call_put_odd(struct place *p)
{
	return put_one(p, pq_put(p->q, p->buf + 1, SHORT - 1, PYQUEUE_NOWAIT));
}

static long call_put_long(struct place *p)
{
	return put_one(p, pq_put(p->q, p->buf, LONG, PYQUEUE_NOWAIT));
}

static long call_put_large(struct place *p)
{
	return put_one(p, pq_put(p->q, p->buf, LARGE, PYQUEUE_NOWAIT));
}

static long call_put_outside(struct place *p)
{
	return pq_put(p->endless, p->buf, SHORT, PYQUEUE_NOWAIT);
}

static long call_put_large_outside(struct place *p)
{
	return pq_put(p->endless, p->buf, LARGE, PYQUEUE_NOWAIT);
}

static long call_put_many(struct place *p)
{
	struct pyqueue_msg msgs[3] = {
		{ .buf = (uintptr_t)p->buf, .len = SHORT },
		{ .buf = (uintptr_t)p->buf, .len = LARGE },
		{ .buf = (uintptr_t)p->buf, .len = LONG },
	};

	return put_some(p, pq_put_many(p->q, msgs, 3, PYQUEUE_NOWAIT));
}

static long call_get(struct place *p)
{
	return got_one(p, pq_get(p->q, p->buf, ROOM, PYQUEUE_NOWAIT));
}

static long call_get_outside(struct place *p)
{
	return pq_get(p->endless, p->buf, ROOM, PYQUEUE_NOWAIT);
}

/* Its memory is not there yet: page tables and pages are allocated on the way. */
static long call_get_cold(struct place *p)
{
	char *cold = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long ret;

	if (cold == MAP_FAILED)
		return -errno;
	/* The first is short, the second large. */
	ret = got_one(p, pq_get(p->q, cold, ROOM, PYQUEUE_NOWAIT));
	if (ret >= 0)
		ret = got_one(p, pq_get(p->q, cold + 64, ROOM - 64, PYQUEUE_NOWAIT));
	munmap(cold, ROOM);
	return ret;
}

static long call_get_too_long(struct place *p)
{
	return got_one(p, pq_get(p->q, p->buf, SHORT - 1, PYQUEUE_NOWAIT));
}

static long call_get_many(struct place *p)
{
	struct pyqueue_msg msgs[3] = {
		{ .buf = (uintptr_t)p->buf, .len = ROOM / 2 },
		{ .buf = (uintptr_t)p->buf + ROOM / 2, .len = LARGE },
		{ .buf = (uintptr_t)p->buf, .len = SHORT },
	};

	return got_some(p, pq_get_many(p->q, msgs, 2, PYQUEUE_NOWAIT));
}

static long call_get_wait(struct place *p)
{
	long ret = 0;

	/* Until it is empty; then for a while. */
	while (ret >= 0)
		ret = got_one(p, pq_get(p->q, p->buf, ROOM, in_ns(MSEC)));
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
	return pq_shutdown(p->endless, PYQUEUE_IMMEDIATE);
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

/* As long as it fails the message is the claimer's. */
static long call_fetch(struct place *p)
{
	long ret = pq_fetch(p->q, PYQUEUE_FETCH_COPY | PYQUEUE_FETCH_RELEASE, &p->op, p->buf,
			    ROOM);

	if (ret < 0 && pyq_ring_give_back(&p->ring, &p->op))
		return -EUCLEAN;
	return got_one(p, ret);
}

static long call_write(struct place *p)
{
	long ret = write(p->q, p->buf, LONG);

	p->puts += ret == LONG;
	return ret < 0 ? -errno : ret;
}

static long call_writev(struct place *p)
{
	struct iovec vec[9];
	long ret;

	for (int i = 0; i < 9; i++)
		vec[i] = (struct iovec){ p->buf + i, 11 };
	ret = writev(p->q, vec, 9);
	p->puts += ret == 99;
	return ret < 0 ? -errno : ret;
}

static long call_read(struct place *p)
{
	long ret = read(p->q, p->buf, ROOM);

	p->gets += ret > 0;
	return ret < 0 ? -errno : ret;
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
	void *at = mmap(NULL, p->endless_bytes, PROT_READ | PROT_WRITE, MAP_SHARED,
			p->endless, 0);

	if (at == MAP_FAILED)
		return -errno;
	p->mapped = at;
	return 0;
}

/* In vain, but not before the kernel has copied it. */
static long call_mremap(struct place *p)
{
	void *to = mremap(p->ring.hdr, p->q_bytes, p->q_bytes, MREMAP_MAYMOVE | MREMAP_FIXED,
			  p->buf + ROOM);

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

/* A command, and another that cancels it if it waits. */
static long command(struct place *p, unsigned int op, const void *arg)
{
	const struct pyqueue_uring payload = { .arg = (uintptr_t)arg, .tag = 1 };
	struct pyqueue_uring cancel = { .tag = 1 };
	struct io_uring_cqe *cqe;
	long ret, res = -ECANCELED;
	unsigned int head, n = 0;

	for (int i = 0; i < 2; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(&p->uring);

		io_uring_prep_rw(IORING_OP_URING_CMD, sqe, p->q, NULL, 0, 0);
		sqe->cmd_op = i ? PYQUEUE_URING_CANCEL : op;
		memcpy(sqe->cmd, i ? &cancel : &payload, sizeof(payload));
		sqe->user_data = i;
	}
	ret = io_uring_submit_and_wait(&p->uring, 2);
	/* Whatever has failed of it: what has been submitted completes. */
	while (ret >= 0 && n < (unsigned int)ret) {
		n = 0;
		io_uring_for_each_cqe(&p->uring, head, cqe)
			n++;
		if (n < (unsigned int)ret)
			io_uring_get_events(&p->uring);
	}
	io_uring_for_each_cqe(&p->uring, head, cqe)
		if (!cqe->user_data)
			res = cqe->res;
	io_uring_cq_advance(&p->uring, n);
	return ret < 0 ? ret : res;
}

static long call_uring_put(struct place *p)
{
	struct pyqueue_put put = { .size = sizeof(put), .deadline_ns = PYQUEUE_NOWAIT,
		.buf = (uintptr_t)p->buf, .len = LARGE };

	return put_one(p, command(p, PYQUEUE_IOC_PUT, &put));
}

static long call_uring_get(struct place *p)
{
	struct pyqueue_get get = { .size = sizeof(get), .deadline_ns = in_ns(60 * SEC),
		.buf = (uintptr_t)p->buf, .len = ROOM };

	return got_one(p, command(p, PYQUEUE_IOC_GET, &get));
}

/* There is no room for two more large ones: it waits, and is cancelled. */
static long call_uring_wait(struct place *p)
{
	struct pyqueue_put put = { .size = sizeof(put), .deadline_ns = in_ns(60 * SEC),
		.buf = (uintptr_t)p->buf, .len = SHORT };
	long ret = 0;

	for (int i = 0; i < MAXSIZE - 2 && !ret; i++)
		ret = put_one(p, pq_put(p->q, p->buf, SHORT, PYQUEUE_NOWAIT));
	return ret ?: put_one(p, command(p, PYQUEUE_IOC_PUT, &put));
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
	int also;	/* an error that it may say beside -ENOMEM and -EFAULT; 0 is none */
	int always;	/* what it says without a fault, if it is that */
	bool claims;	/* the large message is in our hand */
};

#define CALL(name, ...) FIXTURE_VARIANT_ADD(fail_nth, name) { .call = call_##name, __VA_ARGS__ }

CALL(open_device);
CALL(info);
CALL(create);
CALL(create_unbounded);
CALL(create_named);
CALL(create_found);
CALL(open);
CALL(unlink);
CALL(list);
CALL(put);
CALL(put_odd);
CALL(put_long);
CALL(put_large);
CALL(put_outside);
CALL(put_large_outside);
CALL(put_many);
CALL(get);
CALL(get_outside);
CALL(get_cold);
CALL(get_too_long, .always = -EMSGSIZE);
CALL(get_many);
CALL(get_wait, .always = -ETIMEDOUT);
CALL(qsize);
CALL(task_done);
CALL(join, .always = -ETIMEDOUT);
CALL(shutdown);
CALL(stat);
CALL(owner);
CALL(wake);
CALL(await);
CALL(fetch, .claims = true);
CALL(write);
CALL(writev);
CALL(read);
CALL(poll);
CALL(epoll);
CALL(mmap);
CALL(mremap, .always = -EINVAL);
CALL(fork, .also = -EAGAIN);
CALL(fdinfo);
CALL(uring_put, .also = -ECANCELED);
CALL(uring_get, .also = -ECANCELED);
CALL(uring_wait, .also = -EAGAIN, .always = -ECANCELED);
CALL(unmap);

FIXTURE_SETUP(fail_nth)
{
	int err = inject_open(&self->injector);

	if (err == -ENOENT)
		SKIP_ALL("this kernel injects no faults: make check-debug has one that does");
	ASSERT_EQ(0, err);
	ASSERT_TRUE(own_names());
	/* Room, and beyond it where nothing may be moved to. */
	self->buf = mmap(NULL, ROOM + 65536, PROT_READ | PROT_WRITE,
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
	*p = (struct place){ .made = -1, .buf = buf };
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
	if (pq_put(p->q, buf, SHORT, PYQUEUE_NOWAIT) || pq_put(p->q, buf, LARGE, PYQUEUE_NOWAIT))
		return false;
	/* More than the ring has room for. */
	for (unsigned int i = 0; i < pq_stat(p->endless).slots + 2; i++)
		if (pq_put(p->endless, buf, SHORT, PYQUEUE_NOWAIT))
			return false;
	if (map_ring(p->q, &p->ring) < 0)
		return false;
	if (!claims)
		return true;
	/* The short one goes, the large one is in hand. */
	return pq_get(p->q, buf, ROOM, PYQUEUE_NOWAIT) == SHORT &&
	       !pyq_ring_claim_get(&p->ring, &p->op, UINT64_MAX);
}

/* Everything that is there is as it was put, and there is nothing else. */
static bool drain(int q, long n)
{
	static char buf[ROOM];

	while (n--) {
		int len = pq_get(q, buf, ROOM, PYQUEUE_NOWAIT);

		if (len < 0 || (len != SHORT && len != SHORT - 1 && len != LONG && len != LARGE &&
				len != 99))
			return false;
		if (len != 99 && !has_pattern(buf, len, 1) && buf[0] != (char)pattern_byte(1, 1))
			return false;
	}
	return pq_get(q, buf, ROOM, PYQUEUE_NOWAIT) == -EAGAIN;
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
	long ret, held, always = variant->always;
	bool struck;

	ASSERT_TRUE(begin(&place, self->buf, variant->claims));
	/* Where the kernel cannot let a command wait. */
	if (always == -ECANCELED && !(pq_info(place.dev).features & PYQUEUE_FEAT_URING_CMD))
		always = -EAGAIN;
	held = variant->claims ? 1 : 2;
	ASSERT_TRUE(inject_arm(&self->injector, nth));
	ret = variant->call(&place);
	struck = inject_disarm(&self->injector);

	if (!struck) {
		EXPECT_EQ(always, ret < 0 ? ret : 0);
	} else if (ret < 0 && ret != always && ret != variant->also && ret != -ENOMEM) {
		EXPECT_EQ(-EFAULT, ret);
	}
	/* A call must not have moved what it does not know of. */
	fill_pattern(self->buf, ROOM, 1);
	EXPECT_TRUE(drain(place.q, held + place.puts - place.gets))
		TH_LOG("fault %u: said %ld, %ld put, %ld taken", nth, ret, place.puts,
		       place.gets);
	/* It works. */
	EXPECT_EQ(0, pq_put(place.q, self->buf, SHORT, PYQUEUE_NOWAIT));
	EXPECT_EQ(SHORT, pq_get(place.q, self->buf, ROOM, PYQUEUE_NOWAIT));
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

	EXPECT_EQ(fd, next_fd());
	EXPECT_TRUE(eventually(!pq_info(dev).user_queues && !pq_info(dev).user_bytes));
	close(dev);
}

TEST_HARNESS_MAIN
