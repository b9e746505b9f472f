// SPDX-License-Identifier: MIT
/*
 * What the library asks of the kernel, and what it makes of the answers. The
 * linker replaces its ioctl(), open(), close() and malloc() by the ones below, which
 * answer from a script: so that answers can be tried that a kernel rarely gives.
 */
#include <fcntl.h>
#include <linux/pyqueue.h>
#include <pyqueue.h>

#include "test.h"

#define DEVICE 1000 /* fds that cannot be real */
#define QUEUE 1001

static int (*answer)(unsigned int turn, unsigned long cmd, void *arg);
static unsigned int turn;
static int open_error;
static int opened, closed;
static int mallocs_left = -1; /* -1: any number */

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
long __wrap_pyqi_ioctl(int fd, unsigned long cmd, void *arg);
void *__wrap_malloc(size_t size);
void *__real_malloc(size_t size);

int __wrap_open(const char *path, int flags, ...)
{
	CHECK(!strcmp(path, "/dev/pyqueue") && flags == (O_RDWR | O_CLOEXEC));
	errno = open_error;
	if (open_error)
		return -1;
	opened++;
	return DEVICE;
}

int __wrap_close(int fd)
{
	CHECK(fd == DEVICE || fd == QUEUE);
	closed++;
	errno = EIO;
	return -1;
}

long __wrap_pyqi_ioctl(int fd, unsigned long cmd, void *arg)
{
	/* The first member is the size, and the number has it too. */
	if (cmd != PYQUEUE_IOC_QSIZE)
		CHECK(*(__u32 *)arg == _IOC_SIZE(cmd));
	CHECK((fd == DEVICE) == (_IOC_NR(cmd) < 0x20));

	if (cmd == PYQUEUE_IOC_STAT && answer != NULL && turn == 0) {
		struct pyqueue_stat *st = arg;

		/* What each new handle asks. */
		st->maxsize = 3;
		st->max_msg = 1 << 20;
		st->payload = 240;
		return 0;
	}
	return answer(turn++, cmd, arg);
}

void *__wrap_malloc(size_t size)
{
	errno = ENOMEM;
	if (mallocs_left == 0)
		return NULL;
	if (mallocs_left > 0)
		mallocs_left--;
	return __real_malloc(size);
}

static int refuse(unsigned int n, unsigned long cmd, void *arg)
{
	(void)n;
	(void)cmd;
	(void)arg;
	CHECK(!"an ioctl");
	return -EIO;
}

/* Starts a case: a queue, and the answers to come. */
static pyq_queue *begin(int (*fn)(unsigned int n, unsigned long cmd, void *arg))
{
	pyq_queue *q;

	answer = refuse;
	turn = 0;
	CHECK(!KEEPS_ERRNO(pyq_from_fd(&q, QUEUE)));
	answer = fn;
	return q;
}

static void end(pyq_queue *q, unsigned int turns)
{
	CHECK(turn == turns);
	closed = 0;
	errno = UNTOUCHED;
	pyq_close(q);
	CHECK(errno == UNTOUCHED && closed == 1);
	opened = closed = 0;
}

/* --- signals and deadlines --- */

static __u64 first_deadline;

static int interrupted(unsigned int n, unsigned long cmd, void *arg)
{
	__u64 deadline = cmd == PYQUEUE_IOC_PUT ? ((struct pyqueue_put *)arg)->deadline_ns :
			 cmd == PYQUEUE_IOC_GET ? ((struct pyqueue_get *)arg)->deadline_ns :
						  ((struct pyqueue_join *)arg)->deadline_ns;

	if (n == 0)
		first_deadline = deadline;
	CHECK(deadline == first_deadline);
	return n < 3 ? -EINTR : 0;
}

static void test_signals(void)
{
	pyq_queue *q = begin(interrupted);
	char c;

	CHECK(KEEPS_ERRNO(pyq_put(q, "x", 1, PYQ_SECONDS(5))) == 0);
	CHECK(turn == 4 && first_deadline > PYQUEUE_NOWAIT && first_deadline < PYQUEUE_FOREVER);
	turn = 0;
	CHECK(KEEPS_ERRNO(pyq_get(q, &c, 1, PYQ_FOREVER)) == 0);
	CHECK(turn == 4 && first_deadline == PYQUEUE_FOREVER);
	turn = 0;
	CHECK(KEEPS_ERRNO(pyq_join(q, PYQ_NOWAIT)) == 0);
	CHECK(first_deadline == PYQUEUE_NOWAIT);
	end(q, 4);
}

static void test_bad_timeout(void)
{
	pyq_queue *q = begin(refuse);
	struct pyq_msg msg = { .data = NULL };
	void *data;

	CHECK(KEEPS_ERRNO(pyq_put(q, "x", 1, -2)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_get(q, NULL, 0, INT64_MIN)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_get_msg(q, &msg, -2)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, NULL, -2)) == -EINVAL && !data);
	CHECK(KEEPS_ERRNO(pyq_put_many(q, &msg, 1, -2)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_get_many(q, &msg, 1, -2)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_join(q, -2)) == -EINVAL);
	end(q, 0);
}

/* --- several messages --- */

static unsigned int moved;
static int last_answer; /* to the third chunk */

static int many(unsigned int n, unsigned long cmd, void *arg)
{
	struct pyqueue_many *a = arg;
	struct pyqueue_msg *msgs = (struct pyqueue_msg *)(uintptr_t)a->msgs;
	bool get = cmd == PYQUEUE_IOC_GET_MANY;

	CHECK(get || cmd == PYQUEUE_IOC_PUT_MANY);
	CHECK(n == 0 ? a->deadline_ns == PYQUEUE_FOREVER : a->deadline_ns == PYQUEUE_NOWAIT);
	CHECK(a->count >= 1 && a->count <= PYQUEUE_MANY_MAX && !a->pad && !a->flags);
	if (n == 2 && last_answer)
		return last_answer;
	for (__u32 i = 0; i < a->count; i++) {
		/* buf and len are what the callers below have given the message. */
		CHECK(msgs[i].buf == 1000 + moved + i && msgs[i].len == moved + i);
		CHECK(!msgs[i].position && !msgs[i].deliveries && !msgs[i].pad);
		msgs[i].len = get ? 7 : msgs[i].len;
		msgs[i].position = moved + i + 1;
		msgs[i].deliveries = 2;
	}
	moved += a->count;
	return (int)a->count;
}

static void test_many(void)
{
	static struct pyq_msg msgs[1000];
	pyq_queue *q = begin(many);

	for (size_t i = 0; i < 1000; i++)
		msgs[i] = (struct pyq_msg){ .data = (void *)(1000 + i), .len = i };
	CHECK(KEEPS_ERRNO(pyq_put_many(q, msgs, 1000, PYQ_FOREVER)) == 1000 && moved == 1000);

	/* An error behind the first chunk belongs to the next call. */
	turn = moved = 0;
	last_answer = -EAGAIN;
	CHECK(KEEPS_ERRNO(pyq_put_many(q, msgs, 1000, PYQ_FOREVER)) == moved);
	CHECK(turn == 3 && moved > 0 && moved < 1000);

	/* A chunk that is not moved whole is the last one. */
	turn = moved = 0;
	last_answer = 1;
	CHECK(KEEPS_ERRNO(pyq_put_many(q, msgs, 1000, PYQ_FOREVER)) == moved + 1 && turn == 3);

	turn = moved = 0;
	last_answer = 0;
	for (size_t i = 0; i < 1000; i++)
		msgs[i] = (struct pyq_msg){ .data = (void *)(1000 + i), .size = i };
	CHECK(KEEPS_ERRNO(pyq_get_many(q, msgs, 1000, PYQ_FOREVER)) == 1000);
	for (size_t i = 0; i < 1000; i++)
		CHECK(msgs[i].size == i && msgs[i].len == 7 && msgs[i].id == i + 1 &&
		      msgs[i].deliveries == 2);

	answer = refuse;
	CHECK(KEEPS_ERRNO(pyq_put_many(q, NULL, 0, PYQ_FOREVER)) == 0);
	CHECK(KEEPS_ERRNO(pyq_get_many(q, NULL, 0, PYQ_FOREVER)) == 0);
	msgs[0].reserved = 1;
	CHECK(KEEPS_ERRNO(pyq_put_many(q, msgs, 2, PYQ_FOREVER)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_get_many(q, msgs, 2, PYQ_FOREVER)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_get_msg(q, msgs, PYQ_FOREVER)) == -EINVAL);

	/* So does a mistake in a later message. */
	answer = many;
	turn = moved = 0;
	for (size_t i = 0; i < 3; i++)
		msgs[i] = (struct pyq_msg){ .data = (void *)(1000 + i), .len = i };
	msgs[2].reserved = 1;
	CHECK(KEEPS_ERRNO(pyq_put_many(q, msgs, 3, PYQ_FOREVER)) == 2);
	end(q, 1);
}

static int many_too_long(unsigned int n, unsigned long cmd, void *arg)
{
	struct pyqueue_msg *msgs =
		(struct pyqueue_msg *)(uintptr_t)((struct pyqueue_many *)arg)->msgs;

	(void)n;
	(void)cmd;
	msgs[0].len = 500;
	return -EMSGSIZE;
}

static void test_many_too_long(void)
{
	struct pyq_msg msgs[2] = { { .size = 10 }, { .size = 10 } };
	pyq_queue *q = begin(many_too_long);

	CHECK(KEEPS_ERRNO(pyq_get_many(q, msgs, 2, PYQ_NOWAIT)) == -EMSGSIZE);
	CHECK(msgs[0].len == 500 && msgs[1].len == 0);
	end(q, 1);
}

/* One of several is one: no array, and no copy of it. */
static int only_one(unsigned int n, unsigned long cmd, void *arg)
{
	struct pyqueue_put *put = arg;
	struct pyqueue_get *get = arg;

	if (n < 2) {
		CHECK(cmd == PYQUEUE_IOC_PUT && put->buf == 1000 && put->len == 5);
		CHECK(put->deadline_ns == PYQUEUE_FOREVER && !put->flags);
		return n ? 0 : -EINTR;
	}
	CHECK(cmd == PYQUEUE_IOC_GET && get->buf == 2000 && get->len == 10);
	CHECK(get->deadline_ns == PYQUEUE_NOWAIT && !get->flags && !get->pad);
	get->len = n == 2 ? 0 : 500;
	get->position = 7;
	get->deliveries = 3;
	return n == 2 ? 0 : -EMSGSIZE;
}

static void test_only_one(void)
{
	struct pyq_msg put = { .data = (void *)1000, .len = 5 };
	struct pyq_msg get = { .data = (void *)2000, .size = 10 };
	pyq_queue *q = begin(only_one);

	CHECK(KEEPS_ERRNO(pyq_put_many(q, &put, 1, PYQ_FOREVER)) == 1);
	/* An empty message is one, too. */
	CHECK(KEEPS_ERRNO(pyq_get_many(q, &get, 1, PYQ_NOWAIT)) == 1);
	CHECK(get.len == 0 && get.id == 7 && get.deliveries == 3);
	CHECK(KEEPS_ERRNO(pyq_get_many(q, &get, 1, PYQ_NOWAIT)) == -EMSGSIZE && get.len == 500);
	end(q, 4);
}

/* --- get with allocation --- */

/* The message grows each time it is asked for, as if others took what was there. */
static int growing(unsigned int n, unsigned long cmd, void *arg)
{
	static const __u64 room[] = { 240, 1000, 5000 };
	struct pyqueue_get *a = arg;

	CHECK(cmd == PYQUEUE_IOC_GET && n < 3 && a->len == room[n]);
	if (n == 0)
		first_deadline = a->deadline_ns;
	CHECK(a->deadline_ns == first_deadline);
	if (n < 2) {
		a->len = room[n + 1];
		return -EMSGSIZE;
	}
	memcpy((void *)(uintptr_t)a->buf, "short one", 9);
	a->len = 9;
	return 9;
}

/* A message as long as the room for it: what is put behind it must have room too. */
static int exact(unsigned int n, unsigned long cmd, void *arg)
{
	struct pyqueue_get *a = arg;

	(void)n;
	(void)cmd;
	memset((void *)(uintptr_t)a->buf, 'x', a->len);
	return (int)a->len;
}

static void test_alloc_exact(void)
{
	pyq_queue *q = begin(exact);
	size_t len = 0;
	void *data;

	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, &len, PYQ_FOREVER)) == 0);
	CHECK(len == 240 && strlen(data) == 240);
	free(data);
	end(q, 1);
}

static void test_alloc(void)
{
	pyq_queue *q = begin(growing);
	void *data = NULL;
	size_t len = 0;

	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, &len, PYQ_SECONDS(3))) == 0);
	CHECK(len == 9 && data && !memcmp(data, "short one", 10));
	free(data);
	turn = 0;
	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, NULL, PYQ_SECONDS(3))) == 0);
	free(data);
	end(q, 3);
}

static void test_alloc_no_memory(void)
{
	pyq_queue *q = begin(growing);
	size_t len = 4711;
	void *data = q;

	/* Nothing is taken that could not be kept. */
	mallocs_left = 0;
	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, &len, PYQ_FOREVER)) == -ENOMEM);
	CHECK(!data && turn == 0);
	data = q;
	mallocs_left = 1;
	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, &len, PYQ_FOREVER)) == -ENOMEM);
	CHECK(!data && turn == 1 && len == 4711);
	mallocs_left = -1;
	end(q, 1);
}

static int nonsense(unsigned int n, unsigned long cmd, void *arg)
{
	(void)n;
	(void)cmd;
	(void)arg;
	return -EMSGSIZE; /* and the length is the room that there was */
}

static void test_alloc_ends(void)
{
	pyq_queue *q = begin(nonsense);
	void *data;

	CHECK(KEEPS_ERRNO(pyq_get_alloc(q, &data, NULL, PYQ_FOREVER)) == -EUCLEAN && !data);
	end(q, 1);
}

/* --- making queues --- */

static struct pyqueue_create created;
static int create_answer;

static int create(unsigned int n, unsigned long cmd, void *arg)
{
	CHECK(n == 0 || cmd == PYQUEUE_IOC_STAT);
	if (cmd == PYQUEUE_IOC_STAT)
		return -EIO;
	CHECK(cmd == PYQUEUE_IOC_CREATE);
	created = *(struct pyqueue_create *)arg;
	if (create_answer >= 0)
		turn = 0; /* for the STAT that follows */
	return create_answer;
}

static void test_create(void)
{
	struct pyq_attr attr = { .maxsize = 3 };
	struct pyq_owner owner = { .uid = 1, .gid = (gid_t)-1 };
	pyq_queue *q = NULL;

	answer = create;
	turn = 0;
	create_answer = QUEUE;
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == 0 && q && opened == 1 && closed == 1);
	CHECK(created.maxsize == 3 && !created.name && !created.name_len && !created.mode);
	CHECK(created.uid == PYQUEUE_ID_CALLER && created.gid == PYQUEUE_ID_CALLER);
	CHECK(!created.flags && !created.pad && !created.payload);
	CHECK(pyq_maxsize(q) == 3 && pyq_max_msg(q) == 1 << 20 && pyq_fd(q) == QUEUE);
	end(q, 0);

	attr = (struct pyq_attr){
		.maxsize = 9,
		.name = "name",
		.flags = PYQ_EXCL | PYQ_SEALED,
		.payload = 48,
		.max_msg = 100,
		.max_bytes = 1000,
		.owner = &owner,
	};
	create_answer = -EEXIST;
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -EEXIST && !q && opened == closed);
	CHECK(created.name == (uintptr_t)attr.name && created.name_len == 4);
	CHECK(created.mode == 0600 && created.uid == 1 && created.gid == PYQUEUE_ID_CALLER);
	CHECK(created.flags == (PYQUEUE_EXCL | PYQUEUE_SEALED) && created.payload == 48);
	CHECK(created.max_msg == 100 && created.max_bytes == 1000);
	attr.mode = 0660;
	turn = 0;
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -EEXIST && created.mode == 0660);

	answer = refuse;
	CHECK(KEEPS_ERRNO(pyq_create(&q, NULL)) == -EINVAL);
	attr.flags = PYQ_READ;
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -EOPNOTSUPP);
	attr.flags = 1u << 3; /* the kernel's NONBLOCK is not the library's */
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -EOPNOTSUPP);
	attr.flags = 0;
	attr.payload = (size_t)1 << 32;
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -EINVAL);
	attr.payload = 0;
	attr.reserved[7] = 1;
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -EINVAL);
	CHECK(KEEPS_ERRNO(pyq_open(&q, "name", PYQ_EXCL)) == -EINVAL);
	opened = closed = 0;
}

static void test_no_device(void)
{
	static const int errors[][2] = { { ENOENT, -ENODEV },
					 { ENXIO, -ENODEV },
					 { ENODEV, -ENODEV },
					 { EACCES, -EACCES },
					 { EMFILE, -EMFILE } };
	pyq_queue *q;

	answer = refuse;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		open_error = errors[i][0];
		CHECK(KEEPS_ERRNO(pyq_open(&q, "name", PYQ_READ)) == errors[i][1] && !q);
		CHECK(KEEPS_ERRNO(pyq_unlink("name")) == errors[i][1]);
	}
	open_error = 0;
}

static int never_a_queue(unsigned int n, unsigned long cmd, void *arg)
{
	static const int errors[] = { -ENOTTY, -EINVAL, -EOPNOTSUPP, -EBADF };

	(void)cmd;
	(void)arg;
	return errors[n - 1];
}

static void test_from_fd(void)
{
	pyq_queue *q;

	answer = never_a_queue;
	turn = 1;
	CHECK(KEEPS_ERRNO(pyq_from_fd(&q, QUEUE)) == -ENOTTY && !q);
	CHECK(KEEPS_ERRNO(pyq_from_fd(&q, QUEUE)) == -ENOTTY && !q);
	CHECK(KEEPS_ERRNO(pyq_from_fd(&q, QUEUE)) == -ENOTTY && !q);
	CHECK(KEEPS_ERRNO(pyq_from_fd(&q, QUEUE)) == -EBADF && !q);
	CHECK(!closed); /* the fd stays the caller's */
}

/* --- names and info --- */

static int twenty_names(unsigned int n, unsigned long cmd, void *arg)
{
	struct pyqueue_list *a = arg;
	struct pyqueue_entry *e = (struct pyqueue_entry *)(uintptr_t)a->entries;
	__u32 filled = 0;

	CHECK(cmd == PYQUEUE_IOC_LIST && a->entry_size == sizeof(*e) && a->count);
	CHECK(n > 1 || a->cookie == 0);
	while (filled < a->count && a->cookie < 20) {
		memset(&e[filled], 0, sizeof(*e));
		e[filled].id = ++a->cookie;
		e[filled].name_len = PYQUEUE_NAME_MAX;
		memset(e[filled].name, 'n', PYQUEUE_NAME_MAX);
		e[filled].flags = PYQUEUE_SEALED;
		filled++;
	}
	if (a->cookie == 20)
		a->cookie = 0;
	return (int)filled;
}

static int count_names(const struct pyq_name *name, void *arg)
{
	uint64_t *count = arg;

	CHECK(name->id == ++*count && strlen(name->name) == PYQUEUE_NAME_MAX && name->sealed);
	return *count == 19 ? 77 : 0;
}

static void test_list(void)
{
	uint64_t count = 0;

	answer = twenty_names;
	turn = 1;
	CHECK(KEEPS_ERRNO(pyq_list(count_names, &count)) == 77 && count == 19);
	CHECK(opened == closed);
	count = 100;
	answer = never_a_queue;
	turn = 1;
	CHECK(KEEPS_ERRNO(pyq_list(count_names, &count)) == -ENOTTY && count == 100);
	CHECK(opened == closed);
}

static int features(unsigned int n, unsigned long cmd, void *arg)
{
	struct pyqueue_info *a = arg;

	(void)n;
	CHECK(cmd == PYQUEUE_IOC_INFO);
	a->abi_version = 1;
	a->features = n == 1 ? PYQUEUE_FEAT_NAMES | PYQUEUE_FEAT_INDIRECT | 1ULL << 40 : ~0ULL;
	return 0;
}

static void test_info(void)
{
	struct pyq_info info;

	answer = features;
	turn = 1;
	CHECK(KEEPS_ERRNO(pyq_info(&info)) == 0 && info.abi_version == 1);
	CHECK(!strcmp(info.features, "names indirect bit40") && !strcmp(info.backend, "kernel"));
	/* More than there is room for: whole words only. */
	CHECK(KEEPS_ERRNO(pyq_info(&info)) == 0 && strlen(info.features) < sizeof(info.text));
	CHECK(!strncmp(info.features, "names indirect mapping unbounded uring_cmd bit5 ", 48));
}

int main(void)
{
	setenv("PYQUEUE_BACKEND", "kernel", 1); /* which this plays */
	test_signals();
	test_bad_timeout();
	test_many();
	test_many_too_long();
	test_only_one();
	test_alloc();
	test_alloc_exact();
	test_alloc_no_memory();
	test_alloc_ends();
	test_create();
	test_no_device();
	test_from_fd();
	test_list();
	test_info();
	return failures;
}
