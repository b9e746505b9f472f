// SPDX-License-Identifier: GPL-2.0
/*
 * Every argument and every buffer of every call, with each of its bytes the first that
 * is not there, or that cannot be written: the call says -EFAULT, and has changed nothing;
 * with all of them there it works. At each place of a page, hence also at odd addresses.
 *
 * The kernel's fault injection (fail_nth.c) does not reach copies of single words, by
 * which the module fetches PUT and GET and moves short messages.
 */
#include "actors.h"
#include "arguments.h"
#include "mapped.h"
#include "skip.h"

#include <liburing.h>

/* Messages, of which the ring of an unbounded queue has room for SLOTS. */
enum { PAYLOAD = 8176, SLOTS = 32, LARGE = 20000 };

#define RESIZED(cmd, size) (((cmd) & ~IOCSIZE_MASK) | ((size) << IOCSIZE_SHIFT))

/* Beyond what is asked for: the other places of a word. */
#define BEYOND 7

/* --- memory in two parts --------------------------------------------------------- */

/* So much on either side of the border. */
#define SIDE (1 << 15)

static char *border;

static bool make_border(void)
{
	border = mmap(NULL, 2 * SIDE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (border == MAP_FAILED)
		return false;
	border += SIDE;
	return true;
}

static void protect(int before, int behind)
{
	if (mprotect(border - SIDE, SIDE, before) || mprotect(border, SIDE, behind))
		abort();
}

/* To look at it. */
static void open_all(void)
{
	protect(PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE);
}

/* @what, or zeros, of which the first @k bytes lie before the border. */
static void *lay(const void *what, size_t size, size_t k, int before, int behind)
{
	char *at = border - k;

	open_all();
	if (what)
		memcpy(at, what, size);
	else
		memset(at, 0, size);
	protect(before, behind);
	return at;
}

#define THERE (PROT_READ | PROT_WRITE)

/* How many bytes before the border come next: all, or near the ends and where pages end. */
static size_t after(size_t k, size_t size)
{
	/* Messages of up to 240 bytes go a shorter way; pages in the kernel hold a pointer. */
	static const size_t steps[] = { 240, 4096, 4096 - 8 };
	const size_t near = 9;

	for (k++; k < size + BEYOND; k++) {
		if (k <= near || k + near >= size || size <= 256)
			break;
		for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
			if ((k + near) % steps[i] <= 2 * near && (i || k < 2 * steps[0]))
				return k;
	}
	return k;
}

/* Until one of them fails. */
#define for_each_k(k, size) \
	for (size_t k = 0; k <= (size) + BEYOND && _metadata->passed; k = after(k, size))

/* --- commands of io_uring ---------------------------------------------------------- */

static void prepare(struct io_uring *ring, int q, unsigned int op, void *arg)
{
	const struct pyqueue_uring payload = { .arg = (uintptr_t)arg };
	struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

	io_uring_prep_rw(IORING_OP_URING_CMD, sqe, q, NULL, 0, 0);
	sqe->cmd_op = op;
	memcpy(sqe->cmd, &payload, sizeof(payload));
}

static long completion(struct io_uring *ring)
{
	struct __kernel_timespec ts = { .tv_sec = PATIENCE / SEC };
	struct io_uring_cqe *cqe;
	long res = io_uring_wait_cqe_timeout(ring, &cqe, &ts);

	if (res)
		return -ETIME;
	res = cqe->res;
	io_uring_cqe_seen(ring, cqe);
	return res;
}

static long uring_ioctl(struct io_uring *ring, int q, unsigned int op, void *arg)
{
	prepare(ring, q, op, arg);
	return io_uring_submit(ring) == 1 ? completion(ring) : -ECOMM;
}

/* --- arguments ------------------------------------------------------------------- */

/* What the calls work on: the same again after each that has changed it. */
struct place {
	int dev;
	int q;			/* two messages, SHORT and LARGE; one more in our hand */
	struct pyq_ring ring;
	struct pyq_op op;
	struct pyqueue_stat stat;
	struct pyqueue_info info;
	int next_fd;
	struct pyqueue_entry entries[2];
	struct pyqueue_msg msg;
	char buf[LARGE];
};

enum { SHORT = 40 };

struct call {
	const char *name;
	unsigned long cmd;
	size_t size;
	size_t out, out_end;	/* what the kernel writes of it */
	long ret;
	bool makes_fd;		/* instead */
	bool on_device;
	bool uring;		/* a command, too */
	bool no_room;		/* for the message */
	union argument arg;	/* beside what valid() says */
};

#define CALL(ioc, type, ...) \
	{ .name = #ioc, .cmd = PYQUEUE_IOC_##ioc, .size = sizeof(struct pyqueue_##type), \
	  .arg = { .size = sizeof(struct pyqueue_##type) }, __VA_ARGS__ }
#define OUT(type, first, last) \
	.out = offsetof(struct pyqueue_##type, first), \
	.out_end = offsetof(struct pyqueue_##type, last) + \
		   sizeof(((struct pyqueue_##type *)NULL)->last)

static const struct call calls[] = {
	CALL(INFO, info, OUT(info, size, user_bytes), .on_device = true),
	CALL(CREATE, create, .makes_fd = true, .on_device = true,
	     .arg.create = { .size = sizeof(struct pyqueue_create), .maxsize = 3,
			     .uid = PYQUEUE_ID_CALLER, .gid = PYQUEUE_ID_CALLER }),
	CALL(OPEN, open, .makes_fd = true, .on_device = true),
	CALL(UNLINK, unlink, .on_device = true),
	CALL(LIST, list, OUT(list, cookie, cookie), .ret = 1, .on_device = true),
	CALL(STAT, stat, OUT(stat, size, map_bytes)),
	CALL(PUT, put, .uring = true),
	CALL(GET, get, OUT(get, len, deliveries), .ret = SHORT, .uring = true),
	CALL(GET, get, OUT(get, len, len), .ret = -EMSGSIZE, .uring = true, .no_room = true),
	CALL(PUT_MANY, many, .ret = 1, .uring = true),
	CALL(GET_MANY, many, .ret = 1, .uring = true),
	CALL(TASK_DONE, task_done, .uring = true,
	     .arg.task_done = { .size = sizeof(struct pyqueue_task_done), .count = 1 }),
	CALL(JOIN, join, .ret = -EAGAIN),
	CALL(SHUTDOWN, shutdown),
	CALL(OWNER, owner, OUT(owner, owner, owner)),
	CALL(WAKE, wake, .uring = true,
	     .arg.wake = { .size = sizeof(struct pyqueue_wake), .flags = PYQUEUE_WAKE_GETTERS }),
	CALL(AWAIT, await,
	     .arg.await = { .size = sizeof(struct pyqueue_await), .flags = PYQUEUE_READ }),
	CALL(FETCH, fetch, .ret = LARGE),
};

FIXTURE(arguments) {
	struct place place;
	struct io_uring uring;
};

FIXTURE_VARIANT(arguments) {
	bool uring;
};

FIXTURE_VARIANT_ADD(arguments, ioctl) { .uring = false };
FIXTURE_VARIANT_ADD(arguments, uring) { .uring = true };

#define NAME "edges"

static bool remember(struct place *p)
{
	p->stat = pq_stat(p->q);
	p->info = pq_info(p->dev);
	p->next_fd = next_fd();
	return p->next_fd >= 0;
}

static bool begin(struct place *p)
{
	/* io_uring lets go of what it had open a little later. */
	if (!eventually(!pq_info(p->dev).user_queues && !pq_info(p->dev).user_bytes))
		return false;
	p->q = pq_create_named(p->dev, NAME, .maxsize = 4);
	if (p->q < 0 || map_ring(p->q, &p->ring) < 0)
		return false;
	p->op.freed = false;
	fill_pattern(p->buf, LARGE, 3);
	if (pq_put(p->q, p->buf, LARGE, PYQUEUE_NOWAIT) ||
	    pyq_ring_claim_get(&p->ring, &p->op, UINT64_MAX))
		return false;
	fill_pattern(p->buf, SHORT, 1);
	if (pq_put(p->q, p->buf, SHORT, PYQUEUE_NOWAIT))
		return false;
	fill_pattern(p->buf, LARGE, 2);
	return !pq_put(p->q, p->buf, LARGE, PYQUEUE_NOWAIT) && remember(p);
}

static void end(struct place *p)
{
	munmap(p->ring.hdr, pq_stat(p->q).map_bytes);
	unlink_all(p->dev);
	close(p->q);
}

/* What a call that has failed must leave alone; anything but NULL says what it did not. */
static const char *changed(struct place *p)
{
	struct pyqueue_stat stat = pq_stat(p->q);
	struct pyqueue_info info = pq_info(p->dev);

	if (memcmp(&stat, &p->stat, sizeof(stat)))
		return "STAT";
	if (memcmp(&info, &p->info, sizeof(info)))
		return "INFO";
	return next_fd() == p->next_fd ? NULL : "the file descriptors";
}

/* The next message is this one, for the first time. */
static bool takes(int q, size_t len, uint32_t seed)
{
	static char room[LARGE];
	struct pyqueue_get out;

	memset(room, 0, len);
	return pq_get_full(q, room, sizeof(room), PYQUEUE_NOWAIT, &out) == (int)len &&
	       has_pattern(room, len, seed) && out.len == len && out.deliveries == 1;
}

static bool holds_both(struct place *p)
{
	return takes(p->q, SHORT, 1) && takes(p->q, LARGE, 2) &&
	       pq_get(p->q, p->buf, LARGE, PYQUEUE_NOWAIT) == -EAGAIN;
}

/* An argument with which the call succeeds. */
static union argument valid(struct place *p, const struct call *c)
{
	union argument a = c->arg;

	switch (c->cmd) {
	case PYQUEUE_IOC_OPEN:
		a.open.flags = PYQUEUE_READ;
		a.open.name = (uintptr_t)NAME;
		a.open.name_len = strlen(NAME);
		break;
	case PYQUEUE_IOC_UNLINK:
		a.unlink.name = (uintptr_t)NAME;
		a.unlink.name_len = strlen(NAME);
		break;
	case PYQUEUE_IOC_LIST:
		a.list.entries = (uintptr_t)p->entries;
		a.list.count = ARRAY_SIZE(p->entries);
		a.list.entry_size = sizeof(p->entries[0]);
		break;
	case PYQUEUE_IOC_PUT:
		a.put.buf = (uintptr_t)p->buf;
		a.put.len = SHORT;
		break;
	case PYQUEUE_IOC_GET:
		a.get.buf = (uintptr_t)p->buf;
		a.get.len = c->no_room ? SHORT - 1 : LARGE;
		break;
	case PYQUEUE_IOC_PUT_MANY:
	case PYQUEUE_IOC_GET_MANY:
		p->msg = (struct pyqueue_msg){ .buf = (uintptr_t)p->buf, .len = SHORT };
		a.many.msgs = (uintptr_t)&p->msg;
		a.many.count = 1;
		break;
	case PYQUEUE_IOC_OWNER:
		a.owner.addr = (uintptr_t)p->ring.hdr;
		break;
	case PYQUEUE_IOC_FETCH:
		a.fetch.flags = PYQUEUE_FETCH_COPY;
		a.fetch.position = p->op.pos;
		a.fetch.word = p->op.word;
		a.fetch.buf = (uintptr_t)p->buf;
		a.fetch.len = LARGE;
		break;
	}
	return a;
}

FIXTURE_SETUP(arguments)
{
	ASSERT_TRUE(own_names());
	ASSERT_TRUE(make_border());
	ASSERT_EQ(0, io_uring_queue_init(4, &self->uring, 0));
	self->place.dev = dev_open();
	ASSERT_LE(0, self->place.dev);
	ASSERT_TRUE(begin(&self->place));
}

FIXTURE_TEARDOWN(arguments)
{
	end(&self->place);
	io_uring_queue_exit(&self->uring);
	close(self->place.dev);
}

#define for_each_call(c)                                                     \
	for (const struct call *c = calls; c < calls + ARRAY_SIZE(calls); c++)

/* With the argument of @size bytes at @at: does it work, or @fails it and nothing has changed? */
static void expect(struct __test_metadata *_metadata, FIXTURE_DATA(arguments) *self,
		   const FIXTURE_VARIANT(arguments) *variant, const struct call *c, void *at,
		   size_t size, bool fails)
{
	struct place *p = &self->place;
	unsigned long cmd = RESIZED(c->cmd, size);
	const char *what;
	long ret;

	if (variant->uring)
		ret = uring_ioctl(&self->uring, p->q, cmd, at);
	else
		ret = pq_ioctl(c->on_device ? p->dev : p->q, cmd, at);
	if (fails) {
		what = changed(p);
		EXPECT_EQ(-EFAULT, ret);
		EXPECT_EQ(NULL, what) TH_LOG("it has changed %s", what);
	} else {
		if (c->makes_fd) {
			EXPECT_LE(0, ret);
			close(ret);
		} else {
			EXPECT_EQ(c->ret, ret);
		}
		end(p);
		EXPECT_TRUE(begin(p));
	}
}

#define WHERE(c, k, size) TH_LOG("%s: %zu bytes of %zu", (c)->name, k, size)

/* proves: ANY -EFAULT */
TEST_F(arguments, not_all_there)
{
	/* Also longer than this kernel knows: these are fetched in another way. */
	static const size_t longer[] = { 0, 16 };

	for_each_call(c) {
		if (variant->uring && !c->uring)
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(longer); i++) {
			size_t size = c->size + longer[i];

			for_each_k(k, size) {
				union argument a = valid(&self->place, c);

				a.size = size;
				expect(_metadata, self, variant, c,
				       lay(&a, size, k, THERE, PROT_NONE), size, k < size);
				if (!_metadata->passed)
					WHERE(c, k, size);
			}
		}
	}
	EXPECT_TRUE(holds_both(&self->place));
	EXPECT_EQ(0, pq_qsize(self->place.q));
	/* It has none. */
	if (!variant->uring)
		EXPECT_EQ(0, pq_ioctl(self->place.q, PYQUEUE_IOC_QSIZE, border));
}

/* Its beginning cannot be written, or its end. Only what the kernel writes has to be. */
/* proves: ANY -EFAULT, GET -EFAULT */
TEST_F(arguments, not_all_writable)
{
	/* Not defined after a failure. */
	const size_t told = offsetof(struct pyqueue_get, position);
	const size_t told_end = offsetof(struct pyqueue_get, pad);

	for_each_call(c) {
		if (!c->out_end || (variant->uring && !c->uring))
			continue;
		for (int behind = 0; behind < 2; behind++) {
			for (size_t k = 0; k <= c->size && _metadata->passed; k++) {
				union argument a = valid(&self->place, c), *at;
				bool fails = behind ? k < c->out_end : k > c->out;

				at = lay(&a, c->size, k, behind ? THERE : PROT_READ,
					 behind ? PROT_READ : THERE);
				expect(_metadata, self, variant, c, at, c->size, fails);
				if (fails && c->cmd == PYQUEUE_IOC_GET) {
					EXPECT_EQ(0, memcmp(at, &a, told));
					EXPECT_EQ(0, memcmp(at->bytes + told_end,
							    a.bytes + told_end,
							    c->size - told_end));
				}
				if (!_metadata->passed)
					WHERE(c, k, c->size);
			}
		}
	}
	open_all();
	EXPECT_TRUE(holds_both(&self->place));
}

/* --- what the device's calls point to -------------------------------------------------- */

/* Return: whether there is a queue of that name. */
static bool exists(int dev, const char *name)
{
	int fd = pq_open(dev, name, PYQUEUE_READ);

	close(fd);
	return fd >= 0;
}

TEST(names)
{
	static const size_t lens[] = { 1, 8, 31, PYQUEUE_NAME_MAX };
	int dev = dev_open();

	ASSERT_LE(0, dev);
	ASSERT_TRUE(own_names());
	ASSERT_TRUE(make_border());
	for (size_t i = 0; i < ARRAY_SIZE(lens); i++) {
		const size_t len = lens[i];
		char name[PYQUEUE_NAME_MAX + 1] = "";

		memset(name, 'n', len);
		for_each_k(k, len) {
			const char *at = lay(name, len, k, THERE, PROT_NONE);
			struct pyqueue_open open = { .size = sizeof(open), .flags = PYQUEUE_READ,
				.name = (uintptr_t)at, .name_len = len };
			struct pyqueue_unlink unlink = { .size = sizeof(unlink),
				.name = (uintptr_t)at, .name_len = len };
			int next = next_fd(), fd;

			ASSERT_FALSE(exists(dev, name));
			fd = pq_create(dev, .maxsize = 1, .name = (uintptr_t)at, .name_len = len,
				       .mode = 0600);
			EXPECT_EQ(k < len ? -EFAULT : next, fd);
			EXPECT_EQ(k >= len, exists(dev, name));
			close(fd);
			fd = k < len ? pq_create_named(dev, name, .maxsize = 1) : next;
			close(fd);
			EXPECT_EQ(next, fd);

			fd = pq_ioctl(dev, PYQUEUE_IOC_OPEN, &open);
			EXPECT_EQ(k < len ? -EFAULT : next, fd);
			close(fd);
			EXPECT_EQ(next, next_fd());
			EXPECT_EQ(k < len ? -EFAULT : 0,
				  pq_ioctl(dev, PYQUEUE_IOC_UNLINK, &unlink));
			EXPECT_EQ(k < len, exists(dev, name));
			if (k < len)
				EXPECT_EQ(0, pq_unlink(dev, name));
			EXPECT_EQ(0, pq_info(dev).user_queues);
			if (!_metadata->passed)
				TH_LOG("%zu bytes of %zu", k, len);
		}
	}
	close(dev);
}

/* More than the kernel knows of an entry it fills with zeros. */
TEST(entries)
{
	enum { NAMES = 3 };
	static const size_t sizes[] = { sizeof(struct pyqueue_entry),
		sizeof(struct pyqueue_entry) + 21 };
	static const int behind[] = { PROT_NONE, PROT_READ };
	int dev = dev_open(), next;

	ASSERT_LE(0, dev);
	ASSERT_TRUE(own_names());
	ASSERT_TRUE(make_border());
	for (int i = 0; i < NAMES; i++) {
		char name[] = { 'a' + i, '\0' };
		int fd = pq_create_named(dev, name, .maxsize = 1);

		ASSERT_LE(0, fd);
		close(fd);
	}
	next = next_fd();
	for (size_t i = 0; i < ARRAY_SIZE(sizes) * ARRAY_SIZE(behind); i++) {
		const size_t size = sizes[i / 2], all = NAMES * size;

		for (size_t k = 0; k <= all + BEYOND && _metadata->passed; k++) {
			char *at = lay(NULL, all, k, THERE, behind[i % 2]);
			struct pyqueue_list a = { .size = sizeof(a), .entries = (uintptr_t)at,
				.count = NAMES + 1, .entry_size = size };
			long ret = pq_ioctl(dev, PYQUEUE_IOC_LIST, &a);

			EXPECT_EQ(k < all ? -EFAULT : NAMES, ret);
			EXPECT_EQ(0, a.cookie);
			EXPECT_EQ(next, next_fd());
			for (int n = 0; n < ret; n++) {
				struct pyqueue_entry entry;

				memcpy(&entry, at + n * size, sizeof(entry));
				EXPECT_EQ(1, entry.name_len);
				EXPECT_EQ('a' + n, entry.name[0]);
			}
			if (!_metadata->passed)
				TH_LOG("%zu bytes of %zu", k, all);
		}
	}
	unlink_all(dev);
	close(dev);
}

/* --- messages -------------------------------------------------------------------- */

FIXTURE(message) {
	int dev;
	int bounded, endless;
	struct io_uring uring;
	union argument arg;	/* of a command that is under way */
	struct pyqueue_msg msg;
	bool commands_wait;
};

typedef long message_call(FIXTURE_DATA(message) *self, int q, void *at, size_t len);

FIXTURE_VARIANT(message) {
	message_call *put;	/* either */
	message_call *get;
	bool waits;		/* @get has begun before there is a message, and */
	bool tells_len;		/* @put says how long the message was */
};

static void *put_arg(FIXTURE_DATA(message) *self, void *at, size_t len)
{
	self->arg.put = (struct pyqueue_put){ .size = sizeof(self->arg.put),
		.buf = (uintptr_t)at, .len = len };
	return &self->arg;
}

static void *get_arg(FIXTURE_DATA(message) *self, void *at, size_t len, uint64_t deadline)
{
	self->arg.get = (struct pyqueue_get){ .size = sizeof(self->arg.get),
		.buf = (uintptr_t)at, .len = len, .deadline_ns = deadline };
	return &self->arg;
}

static void *many_arg(FIXTURE_DATA(message) *self, void *at, size_t len)
{
	self->msg = (struct pyqueue_msg){ .buf = (uintptr_t)at, .len = len };
	self->arg.many = (struct pyqueue_many){ .size = sizeof(self->arg.many),
		.msgs = (uintptr_t)&self->msg, .count = 1 };
	return &self->arg;
}

/* A call of several says how many; as those of one do here. */
static long of_one(long ret, long one)
{
	return ret == 1 ? one : ret ?: -ECOMM;
}

/* Three pieces, the first of one byte, the last perhaps of none. */
static const struct iovec *pieces(char *at, size_t len)
{
	static struct iovec vec[3];
	size_t half = 1 + len / 2;

	vec[0] = (struct iovec){ at, 1 };
	vec[1] = (struct iovec){ at + 1, (half < len ? half : len) - 1 };
	vec[2] = (struct iovec){ at + 1 + vec[1].iov_len, len - 1 - vec[1].iov_len };
	return vec;
}

static long put_ioctl(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return pq_ioctl(q, PYQUEUE_IOC_PUT, put_arg(self, at, len));
}

static long put_many(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return of_one(pq_ioctl(q, PYQUEUE_IOC_PUT_MANY, many_arg(self, at, len)), 0);
}

static long put_write(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	ssize_t n = write(q, at, len);

	return n < 0 ? -errno : n;
}

static long put_writev(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	ssize_t n = writev(q, pieces(at, len), 3);

	return n < 0 ? -errno : n;
}

static long put_command(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return uring_ioctl(&self->uring, q, PYQUEUE_IOC_PUT, put_arg(self, at, len));
}

static long put_many_command(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return of_one(uring_ioctl(&self->uring, q, PYQUEUE_IOC_PUT_MANY,
				  many_arg(self, at, len)), 0);
}

static long put_uring(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	io_uring_prep_write(io_uring_get_sqe(&self->uring), q, at, len, 0);
	return io_uring_submit(&self->uring) == 1 ? completion(&self->uring) : -ECOMM;
}

static long get_ioctl(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return pq_ioctl(q, PYQUEUE_IOC_GET, get_arg(self, at, len, PYQUEUE_NOWAIT));
}

static long get_many(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return of_one(pq_ioctl(q, PYQUEUE_IOC_GET_MANY, many_arg(self, at, len)), len);
}

static long get_read(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	ssize_t n = read(q, at, len);

	return n < 0 ? -errno : n;
}

static long get_readv(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	ssize_t n = readv(q, pieces(at, len), 3);

	return n < 0 ? -errno : n;
}

static long get_command(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return uring_ioctl(&self->uring, q, PYQUEUE_IOC_GET,
			   get_arg(self, at, len, PYQUEUE_NOWAIT));
}

static long get_many_command(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	return of_one(uring_ioctl(&self->uring, q, PYQUEUE_IOC_GET_MANY,
				  many_arg(self, at, len)), len);
}

static long get_uring(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	io_uring_prep_read(io_uring_get_sqe(&self->uring), q, at, len, 0);
	return io_uring_submit(&self->uring) == 1 ? completion(&self->uring) : -ECOMM;
}

/* Return: whether it is under way. */
static long begin_get_command(FIXTURE_DATA(message) *self, int q, void *at, size_t len)
{
	struct io_uring_cqe *cqe;

	prepare(&self->uring, q, PYQUEUE_IOC_GET, get_arg(self, at, len, PYQUEUE_FOREVER));
	return io_uring_submit(&self->uring) == 1 &&
	       io_uring_peek_cqe(&self->uring, &cqe) == -EAGAIN && pq_stat(q).getters == 1;
}

#define MESSAGE(name, ...) FIXTURE_VARIANT_ADD(message, name) { __VA_ARGS__ }

MESSAGE(put, .put = put_ioctl);
MESSAGE(put_many, .put = put_many);
MESSAGE(write, .put = put_write, .tells_len = true);
MESSAGE(writev, .put = put_writev, .tells_len = true);
MESSAGE(put_command, .put = put_command);
MESSAGE(put_many_command, .put = put_many_command);
MESSAGE(uring_write, .put = put_uring, .tells_len = true);
MESSAGE(get, .get = get_ioctl);
MESSAGE(get_many, .get = get_many);
MESSAGE(read, .get = get_read);
MESSAGE(readv, .get = get_readv);
MESSAGE(get_command, .get = get_command);
MESSAGE(get_command_waits, .get = begin_get_command, .waits = true);
MESSAGE(get_many_command, .get = get_many_command);
MESSAGE(uring_read, .get = get_uring);

FIXTURE_SETUP(message)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	if (variant->waits && !(pq_info(self->dev).features & PYQUEUE_FEAT_URING_CMD))
		SKIP_ALL("commands do not wait on this kernel");
	self->bounded = pq_create(self->dev, .maxsize = 4, .payload = PAYLOAD,
				  .flags = PYQUEUE_NONBLOCK);
	ASSERT_LE(0, self->bounded);
	self->endless = pq_create(self->dev, .payload = PAYLOAD, .flags = PYQUEUE_NONBLOCK);
	ASSERT_LE(0, self->endless);
	ASSERT_EQ(SLOTS, pq_stat(self->endless).slots);
	ASSERT_EQ(0, io_uring_queue_init(4, &self->uring, 0));
	ASSERT_TRUE(make_border());
}

FIXTURE_TEARDOWN(message)
{
	io_uring_queue_exit(&self->uring);
	close(self->endless);
	close(self->bounded);
	close(self->dev);
}

static bool put_pattern(int q, size_t len, uint32_t seed)
{
	static char buf[LARGE];

	return !pq_put(q, fill_pattern(buf, len, seed), len, PYQUEUE_NOWAIT);
}

/* All there is has been taken, and nothing is left of it. */
static bool is_empty(int q, unsigned int taken)
{
	struct pyqueue_stat st = pq_stat(q);

	return pq_get(q, NULL, 0, PYQUEUE_NOWAIT) == -EAGAIN && !st.qsize && !st.large_bytes &&
	       !st.getters && st.unfinished == taken && !pq_task_done(q, taken);
}

/* One before, the one in question, and one behind it. */
static void put_at(struct __test_metadata *_metadata, FIXTURE_DATA(message) *self,
		   const FIXTURE_VARIANT(message) *variant, bool outside, size_t len, size_t k,
		   int behind)
{
	int q = outside ? self->endless : self->bounded, fillers = outside ? SLOTS : 0;
	const size_t each = outside || len > PAYLOAD ? len : 0;
	const bool fails = k < len && behind == PROT_NONE;
	const uint32_t seed = 3 * k;
	static char message[LARGE];
	void *at;

	if (outside)
		EXPECT_EQ(SLOTS, put_up_to(q, SLOTS));
	EXPECT_TRUE(put_pattern(q, len, seed));
	EXPECT_EQ(each, pq_stat(q).large_bytes);

	at = lay(fill_pattern(message, len, seed + 1), len, k, THERE, behind);
	EXPECT_EQ(fails ? -EFAULT : variant->tells_len ? len : 0,
		  variant->put(self, q, at, len));
	EXPECT_EQ(fillers + 2 - fails, pq_qsize(q));
	EXPECT_EQ(fillers + 2 - fails, pq_stat(q).unfinished);
	EXPECT_EQ(each * (2 - fails), pq_stat(q).large_bytes);

	EXPECT_TRUE(put_pattern(q, len, seed + 2));
	if (outside)
		EXPECT_EQ(SLOTS, get_up_to(q, SLOTS));
	EXPECT_TRUE(takes(q, len, seed));
	if (!fails)
		EXPECT_TRUE(takes(q, len, seed + 1));
	EXPECT_TRUE(takes(q, len, seed + 2));
	EXPECT_TRUE(is_empty(q, fillers + 3 - fails));
}

/* The one in question, and one behind it. */
static void get_at(struct __test_metadata *_metadata, FIXTURE_DATA(message) *self,
		   const FIXTURE_VARIANT(message) *variant, bool outside, size_t len, size_t k,
		   int behind)
{
	int q = outside ? self->endless : self->bounded, fillers = outside ? SLOTS : 0;
	char *at = lay(NULL, len, k, THERE, behind);
	const uint32_t seed = 3 * k;

	if (outside)
		EXPECT_EQ(SLOTS, put_up_to(q, SLOTS));
	if (variant->waits)
		EXPECT_TRUE(variant->get(self, q, at, len));
	EXPECT_TRUE(put_pattern(q, len, seed));
	EXPECT_TRUE(put_pattern(q, len, seed + 1));
	if (outside) {
		/* The ring is empty then, and the call finds that. */
		EXPECT_EQ(SLOTS, get_up_to(q, SLOTS));
		EXPECT_EQ(2 * len, pq_stat(q).large_bytes);
	}
	EXPECT_EQ(k < len ? -EFAULT : len,
		  variant->waits ? completion(&self->uring) : variant->get(self, q, at, len));
	if (k < len) {
		EXPECT_EQ(2, pq_qsize(q));
		EXPECT_TRUE(takes(q, len, seed));
	} else {
		EXPECT_TRUE(has_pattern(at, len, seed));
	}
	EXPECT_EQ(1, pq_qsize(q));
	EXPECT_TRUE(takes(q, len, seed + 1));
	EXPECT_TRUE(is_empty(q, fillers + 2));
}

/*
 * In the slot, up to 240 bytes in one go; in the slot, longer; large; and all of them
 * outside of the ring.
 */
/* proves: PUT -EFAULT, GET -EFAULT */
TEST_F_TIMEOUT(message, edge, 200 * PYQUEUE_SLOW)
{
	static const size_t lens[] = { 1, 7, 8, 9, 40, 239, 240, 241, 1001, PAYLOAD, LARGE };
	int next = next_fd();

	for (size_t i = 0; i < ARRAY_SIZE(lens) * 4; i++) {
		const size_t len = lens[i / 4];
		const int behind = i % 4 / 2 ? PROT_READ : PROT_NONE;
		const bool outside = i % 2;

		/* What waits outside is there before the call is. */
		if (outside && variant->waits)
			continue;
		for_each_k(k, len) {
			if (variant->put)
				put_at(_metadata, self, variant, outside, len, k, behind);
			else
				get_at(_metadata, self, variant, outside, len, k, behind);
			if (!_metadata->passed)
				TH_LOG("%zu bytes of %zu%s%s", k, len,
				       behind ? ", the others read-only" : "",
				       outside ? ", outside of the ring" : "");
		}
	}
	EXPECT_EQ(next, next_fd());
}

/* --- several messages, and those that are claimed --------------------------------------- */

#define SEVERAL 3

static const size_t several[SEVERAL] = { SHORT, 1001, LARGE };

FIXTURE(several) {
	int dev;
	int q;
	struct io_uring uring;
	char bufs[SEVERAL][LARGE];
	struct pyqueue_msg msgs[SEVERAL];
};

FIXTURE_VARIANT(several) {
	bool get;
	bool uring;
};

FIXTURE_VARIANT_ADD(several, put) { .get = false };
FIXTURE_VARIANT_ADD(several, put_command) { .uring = true };
FIXTURE_VARIANT_ADD(several, get) { .get = true };
FIXTURE_VARIANT_ADD(several, get_command) { .get = true, .uring = true };

FIXTURE_SETUP(several)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2 * SEVERAL, .payload = PAYLOAD);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(0, io_uring_queue_init(4, &self->uring, 0));
	ASSERT_TRUE(make_border());
}

FIXTURE_TEARDOWN(several)
{
	io_uring_queue_exit(&self->uring);
	close(self->q);
	close(self->dev);
}

/* Messages of seeds 0, 1, 2: there, or to be put. */
static void set_up(struct __test_metadata *_metadata, FIXTURE_DATA(several) *self, bool get)
{
	for (int i = 0; i < SEVERAL; i++) {
		fill_pattern(self->bufs[i], several[i], i);
		if (get) {
			EXPECT_TRUE(put_pattern(self->q, several[i], i));
			memset(self->bufs[i], 0, several[i]);
		}
		self->msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)self->bufs[i],
			.len = several[i] };
	}
}

/* The first @moved are moved, and the call says so. */
static void expect_moved(struct __test_metadata *_metadata, FIXTURE_DATA(several) *self,
			 const FIXTURE_VARIANT(several) *variant, void *msgs, long moved)
{
	struct pyqueue_many a = { .size = sizeof(a), .msgs = (uintptr_t)msgs, .count = SEVERAL };
	unsigned long cmd = variant->get ? PYQUEUE_IOC_GET_MANY : PYQUEUE_IOC_PUT_MANY;
	long ret = variant->uring ? uring_ioctl(&self->uring, self->q, cmd, &a) :
				    pq_ioctl(self->q, cmd, &a);

	open_all();
	EXPECT_EQ(moved ?: -EFAULT, ret);
	for (int i = 0; i < SEVERAL; i++) {
		if (variant->get && i < moved)
			EXPECT_TRUE(has_pattern((void *)(uintptr_t)self->msgs[i].buf,
						several[i], i));
		/* In their order, those that have not been put now. */
		if (!variant->get && i >= moved)
			EXPECT_TRUE(put_pattern(self->q, several[i], i));
	}
	for (int i = variant->get ? moved : 0; i < SEVERAL; i++)
		EXPECT_TRUE(takes(self->q, several[i], i));
	EXPECT_TRUE(is_empty(self->q, SEVERAL));
}

/* proves: PUT -EFAULT, GET -EFAULT */
TEST_F(several, array)
{
	const size_t each = sizeof(struct pyqueue_msg), all = SEVERAL * each;
	/* What is told ends so long before the end. */
	const size_t spare = each - offsetof(struct pyqueue_msg, pad);

	for_each_k(k, all) {
		long there = k < all ? k / each : SEVERAL, writable = (k + spare) / each;
		struct pyqueue_msg *at;

		set_up(_metadata, self, variant->get);
		at = lay(self->msgs, all, k, THERE, PROT_NONE);
		expect_moved(_metadata, self, variant, at, there);

		/* The others cannot be written: of the next one its room is still told. */
		if (writable > SEVERAL || !variant->get)
			writable = SEVERAL;
		set_up(_metadata, self, variant->get);
		at = lay(self->msgs, all, k, THERE, PROT_READ);
		expect_moved(_metadata, self, variant, at, writable);
		if (writable < SEVERAL)
			EXPECT_EQ(several[writable], at[writable].len);

		/* The first ones cannot. */
		writable = variant->get && k > offsetof(struct pyqueue_msg, len) ? 0 : SEVERAL;
		set_up(_metadata, self, variant->get);
		at = lay(self->msgs, all, k, PROT_READ, THERE);
		expect_moved(_metadata, self, variant, at, writable);
		if (!_metadata->passed)
			TH_LOG("%zu bytes of %zu", k, all);
	}
}

/* The buffer of each in turn. */
/* proves: PUT -EFAULT, GET -EFAULT */
TEST_F(several, buffer)
{
	for (int i = 0; i < SEVERAL; i++) {
		for_each_k(k, several[i]) {
			set_up(_metadata, self, variant->get);
			self->msgs[i].buf = (uintptr_t)lay(self->bufs[i], several[i], k, THERE,
							   PROT_NONE);
			expect_moved(_metadata, self, variant, self->msgs,
				     k < several[i] ? i : SEVERAL);
			if (!_metadata->passed)
				TH_LOG("%zu bytes of %zu, of message %d", k, several[i], i);
		}
	}
}

/* A claimed message that cannot be copied is still the claimer's, whatever else he asks for. */
TEST(fetch)
{
	static const int behind[] = { PROT_NONE, PROT_READ };
	int dev = dev_open(), q = pq_create(dev, .maxsize = 4);
	struct pyq_ring ring;

	ASSERT_LE(0, q);
	ASSERT_LT(0, map_ring(q, &ring));
	ASSERT_TRUE(make_border());
	for (size_t i = 0; i < ARRAY_SIZE(behind); i++) {
		for_each_k(k, LARGE) {
			const unsigned int both = PYQUEUE_FETCH_COPY | PYQUEUE_FETCH_RELEASE;
			char *at = lay(NULL, LARGE, k, THERE, behind[i]);
			struct pyq_op op = { .freed = false };
			const bool fails = k < LARGE;

			EXPECT_TRUE(put_pattern(q, LARGE, k));
			EXPECT_TRUE(put_pattern(q, SHORT, k + 1));
			ASSERT_EQ(0, pyq_ring_claim_get(&ring, &op, UINT64_MAX));
			EXPECT_EQ(fails ? -EFAULT : LARGE, pq_fetch(q, both, &op, at, LARGE));
			EXPECT_EQ(fails ? LARGE : 0, pq_stat(q).large_bytes);
			if (fails) {
				EXPECT_EQ(op.word, pyq_load(&pyq_ring_slot(&ring, op.pos)->word));
				at = border - SIDE;
				open_all();
				EXPECT_EQ(LARGE, pq_fetch(q, both, &op, at, LARGE));
			}
			EXPECT_TRUE(has_pattern(at, LARGE, k));
			EXPECT_EQ(-EOWNERDEAD, pq_fetch(q, both, &op, at, LARGE));
			EXPECT_TRUE(takes(q, SHORT, k + 1));
			EXPECT_TRUE(is_empty(q, 2));
			if (!_metadata->passed)
				TH_LOG("%zu bytes of %d", k, LARGE);
		}
	}
	close(q);
	close(dev);
}

TEST_HARNESS_MAIN
