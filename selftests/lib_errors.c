// SPDX-License-Identifier: GPL-2.0
/* Every error that include/pyqueue/queue.h documents, of every function that has it. */
#include "lib_test.h"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define NOBODY 65534
#define PARAMETERS "/sys/module/pyqueue/parameters/"
#define FILE_MAX "/proc/sys/fs/file-max"
#define GROUP "/sys/fs/cgroup/pyqueue-lib-errors"

/* The library is linked with these. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
static volatile bool no_memory;

void *malloc(size_t size)
{
	if (!no_memory)
		return __libc_malloc(size);
	errno = ENOMEM;
	return NULL;
}

void *calloc(size_t n, size_t size)
{
	if (!no_memory)
		return __libc_calloc(n, size);
	errno = ENOMEM;
	return NULL;
}

/* A number in a file; returns what was there before, or -1. */
static long long set(const char *path, long long value)
{
	long long old = -1;
	FILE *f = fopen(path, "r+");

	if (!f)
		return -1;
	if (fscanf(f, "%lld", &old) != 1)
		old = 0;
	rewind(f);
	if (value >= 0)
		fprintf(f, "%lld\n", value);
	return fclose(f) ? -1 : old;
}

/* Runs @f in a process of its own, for what cannot be undone. */
static void apart(struct __test_metadata *_metadata, void (*f)(struct __test_metadata *_metadata))
{
	pid_t pid = fork();

	if (pid == 0) {
		f(_metadata);
		_exit(!_metadata->passed);
	}
	EXPECT_EQ(0, exit_status(pid));
}

static void become_nobody(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		_exit(1);
}

static int make(pyq_queue **q, const char *name)
{
	return pyq_create(q, &(struct pyq_attr){ .maxsize = 1, .name = name,
						      .flags = is_sealed() ? PYQ_SEALED : 0 });
}

/* The fd of a queue, without a handle; of a new one if @name is NULL. */
static int fd_of(struct __test_metadata *_metadata, const char *name)
{
	pyq_queue *q;
	int fd;

	EXPECT_EQ(0, make(&q, name));
	fd = dup(pyq_fd(q));
	pyq_close(q);
	return fd;
}

static int ignore_name(const struct pyq_name *name, void *arg)
{
	return 0;
}

/* Two names: everybody may open the first, its owner alone the second. */
#define OPEN_TO_ALL "lib-errors-for-all"
#define ROOTS_OWN "lib-errors-of-root"

FIXTURE(errors) {
	pyq_queue *q;		/* the first, with a bound of 1 */
	pyq_queue *reader;
	pyq_queue *writer;
};

FIXTURE_SETUP(errors)
{
	self->q = new_queue(.maxsize = 1, .payload = 48, .max_msg = 10000, .max_bytes = 8192,
			    .name = OPEN_TO_ALL, .mode = 0666);
	ASSERT_EQ(0, pyq_open(&self->reader, OPEN_TO_ALL, PYQ_READ));
	ASSERT_EQ(0, pyq_open(&self->writer, OPEN_TO_ALL, PYQ_WRITE));
	pyq_close(new_queue(.maxsize = 1, .name = ROOTS_OWN));
}

FIXTURE_TEARDOWN(errors)
{
	pyq_close(self->q);
	pyq_close(self->reader);
	pyq_close(self->writer);
	pyq_unlink(OPEN_TO_ALL);
	pyq_unlink(ROOTS_OWN);
}

/* proves: pyq_create -EINVAL, pyq_attr -EINVAL, pyq_create -ENAMETOOLONG */
/* proves: pyq_create -EOPNOTSUPP, pyq_attr -EOPNOTSUPP */
/* proves: pyq_create -EEXIST, PYQ_EXCL -EEXIST */
TEST_F(errors, attributes)
{
	char name[202] = "";
	pyq_queue *q;
	const struct {
		struct pyq_attr attr;
		int err;
	} cases[] = {
		{ { .maxsize = 1LL << 40 }, -EINVAL },
		{ { .maxsize = 1, .payload = 1 << 20 }, -EINVAL },
		{ { .maxsize = 1, .max_msg = 1 << 30 }, -EINVAL },
		{ { .maxsize = 1, .name = "a/b" }, -EINVAL },
		{ { .maxsize = 1, .name = "a/b", .flags = PYQ_EXCL }, -EINVAL },
		{ { .maxsize = 1, .reserved = { 1 } }, -EINVAL },
		{ { .maxsize = 1, .reserved = { [7] = 1 } }, -EINVAL },
		{ { .maxsize = 1, .name = name }, -ENAMETOOLONG },
		{ { .maxsize = 1, .flags = 1u << 30 }, -EOPNOTSUPP },
		{ { .maxsize = 1, .name = ROOTS_OWN, .flags = PYQ_EXCL }, -EEXIST },
		/* Only in shared memory. */
		{ { .maxsize = 0 }, -EOPNOTSUPP },
		{ { .maxsize = -1 }, -EOPNOTSUPP },
	};
	size_t n = sizeof(cases) / sizeof(cases[0]) - (on_shm() ? 0 : 2);

	memset(name, 'x', sizeof(name) - 1);
	for (size_t i = 0; i < n; i++) {
		q = self->q;
		EXPECT_EQ(cases[i].err, lib(pyq_create(&q, &cases[i].attr))) TH_LOG("case %zu", i);
		EXPECT_EQ(NULL, q);
	}
	EXPECT_EQ(-EINVAL, lib(pyq_create(&q, NULL)));
}

/* What pyq_attr_check() says of attributes is what pyq_create() does, whatever the backend. */
/* proves: pyq_attr_check -EINVAL, pyq_attr_check -EOPNOTSUPP */
TEST_F(errors, reasons)
{
	const struct pyq_owner root = { 0, 0 };
	const struct {
		struct pyq_attr attr;
		int err;
		const char *word;
	} cases[] = {
		{ { .maxsize = 1 }, 0, NULL },
		{ { .maxsize = 1, .payload = 65520, .max_msg = 64 << 20 }, 0, NULL },
		{ { .maxsize = (1 << 26) + 1 }, -EINVAL, "maxsize" },
		{ { .maxsize = 1, .payload = 65521 }, -EINVAL, "payload" },
		{ { .maxsize = 1, .max_msg = (64 << 20) + 1 }, -EINVAL, "max_msg" },
		{ { .maxsize = 1, .name = "lib-errors-new", .mode = 01600 }, -EINVAL, "mode" },
		{ { .maxsize = 1, .mode = 0600 }, -EINVAL, "there is none" },
		{ { .maxsize = 1, .flags = PYQ_EXCL }, -EINVAL, "there is none" },
		{ { .maxsize = 1, .owner = &root }, -EINVAL, "there is none" },
		{ { .maxsize = 1, .flags = PYQ_SEALED | PYQ_MAPPABLE }, -EINVAL, "exclude" },
		{ { .maxsize = 1, .reserved = { [3] = 1 } }, -EINVAL, "reserved" },
		{ { .maxsize = 1, .flags = 1u << 30 }, -EOPNOTSUPP, "flag" },
		{ { .maxsize = 1, .backend = "nonsense" }, -EINVAL, "backend is neither" },
		/* Only these are different. */
		{ { .maxsize = 1, .flags = PYQ_SEALED, .backend = "shm" }, -EOPNOTSUPP, "sealed" },
		{ { .maxsize = 0, .backend = "shm" }, -EOPNOTSUPP, "bound" },
		{ { .maxsize = 0 }, on_shm() ? -EOPNOTSUPP : 0, "bound" },
		{ { .maxsize = 1, .name = "lib-errors-new", .mode = 0640, .backend = "shm" },
		  -EOPNOTSUPP, "who may get" },
		{ { .maxsize = 1, .name = "lib-errors-new", .mode = 0602, .backend = "shm" },
		  -EOPNOTSUPP, "who may get" },
	};
	const char *why = "";
	pyq_queue *q;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		EXPECT_EQ(cases[i].err, lib(pyq_attr_check(&cases[i].attr, &why)))
			TH_LOG("case %zu", i);
		EXPECT_EQ(!cases[i].err, !why);
		if (why)
			EXPECT_NE(NULL, strstr(why, cases[i].word)) TH_LOG("case %zu: %s", i, why);
		EXPECT_EQ(cases[i].err, lib(pyq_create(&q, &cases[i].attr))) TH_LOG("case %zu", i);
		pyq_close(q);
	}
	EXPECT_EQ(-EINVAL, lib(pyq_attr_check(NULL, &why)));
	EXPECT_NE(NULL, strstr(why, "maxsize"));
}

/* proves: pyq_open -ENOENT, pyq_open -EINVAL, pyq_open -ENAMETOOLONG */
/* proves: pyq_unlink -ENOENT, pyq_unlink -EINVAL, pyq_unlink -ENAMETOOLONG */
TEST_F(errors, names)
{
	char name[202] = "";
	pyq_queue *q = self->q;

	memset(name, 'x', sizeof(name) - 1);
	EXPECT_EQ(-ENOENT, lib(pyq_open(&q, "lib-errors-none", 0)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, "", 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, NULL, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_unlink(NULL)));
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, "a/b", 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_open(&q, ROOTS_OWN, 1u << 30)));
	EXPECT_EQ(-ENAMETOOLONG, lib(pyq_open(&q, name, 0)));
	EXPECT_EQ(-ENOENT, lib(pyq_unlink("lib-errors-none")));
	EXPECT_EQ(-EINVAL, lib(pyq_unlink("")));
	EXPECT_EQ(-EINVAL, lib(pyq_unlink("a/b")));
	EXPECT_EQ(-ENAMETOOLONG, lib(pyq_unlink(name)));
}

static void as_nobody(struct __test_metadata *_metadata)
{
	const struct pyq_owner root = { 0, 0 };
	int fd = fd_of(_metadata, ROOTS_OWN);
	pyq_queue *q;

	become_nobody();
	EXPECT_EQ(on_shm() ? -EACCES : 0, lib(pyq_from_fd(&q, fd)));
	EXPECT_EQ(-EACCES, lib(make(&q, ROOTS_OWN)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(-EACCES, lib(pyq_open(&q, ROOTS_OWN, PYQ_READ)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(-EPERM, lib(pyq_unlink(ROOTS_OWN)));
	EXPECT_EQ(-EPERM, lib(pyq_unlink(OPEN_TO_ALL)));
	EXPECT_EQ(-EPERM, lib(pyq_create(&q, &(struct pyq_attr){ .maxsize = 1, .owner = &root,
								 .name = "lib-errors-new" })));
}

/* proves: pyq_create -EACCES, pyq_open -EACCES, pyq_unlink -EPERM, pyq_create -EPERM */
/* proves: pyq_from_fd -EACCES */
TEST_F(errors, permissions)
{
	if (geteuid())
		SKIP(return, "needs root");
	apart(_metadata, as_nobody);
}

/* --- the device ------------------------------------------------------------ */

static void each_call_by_name(struct __test_metadata *_metadata, int err)
{
	struct pyq_info info;
	pyq_queue *q;

	EXPECT_EQ(err, lib(make(&q, NULL)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(err, lib(make(&q, ROOTS_OWN)));
	EXPECT_EQ(err, lib(pyq_open(&q, ROOTS_OWN, 0)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(err, lib(pyq_list(ignore_name, NULL)));
	if (!on_shm()) /* there it asks nobody */
		EXPECT_EQ(err, lib(pyq_info(&info)));
}

static void without_device(struct __test_metadata *_metadata)
{
	struct stat st;

	if (stat("/dev/pyqueue", &st) || unshare(CLONE_NEWNS) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/dev", "tmpfs", 0, NULL))
		_exit(1);
	/* Otherwise there would be queues without it. */
	setenv("PYQUEUE_BACKEND", "kernel", 1);
	each_call_by_name(_metadata, -ENODEV);
	EXPECT_EQ(-ENODEV, lib(pyq_unlink(ROOTS_OWN)));

	/* A node with nothing behind it, as a module that is gone may leave it. */
	ASSERT_EQ(0, mknod("/dev/pyqueue", S_IFCHR | 0666, makedev(1, 200)));
	each_call_by_name(_metadata, -ENODEV);
	ASSERT_EQ(0, unlink("/dev/pyqueue"));

	ASSERT_EQ(0, mknod("/dev/pyqueue", S_IFCHR | 0600, st.st_rdev));
	become_nobody();
	each_call_by_name(_metadata, -EACCES);
	EXPECT_EQ(-EACCES, lib(pyq_unlink(ROOTS_OWN)));
}

/* proves: pyq_create -ENODEV, pyq_open -ENODEV, pyq_unlink -ENODEV, pyq_list -ENODEV */
/* proves: pyq_info -ENODEV, pyq_list -EACCES, pyq_info -EACCES, pyq_unlink -EACCES */
TEST_F(errors, device)
{
	if (on_shm())
		SKIP(return, "of the kernel's queues");
	if (geteuid())
		SKIP(return, "needs root");
	apart(_metadata, without_device);
}

/* --- limits ---------------------------------------------------------------- */

static void without_fds(struct __test_metadata *_metadata)
{
	struct rlimit limit = { 0, 0 };
	int queue = fd_of(_metadata, NULL);
	pyq_queue *q;
	int fd = dup(0);

	/* One for /dev/pyqueue, none for the queue. */
	limit.rlim_cur = limit.rlim_max = fd + 1;
	close(fd);
	if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(1);
	EXPECT_EQ(-EMFILE, lib(make(&q, NULL)));
	EXPECT_EQ(-EMFILE, lib(pyq_open(&q, ROOTS_OWN, 0)));
	EXPECT_EQ(NULL, q);
	ASSERT_EQ(fd, dup(0));
	each_call_by_name(_metadata, -EMFILE);
	EXPECT_EQ(on_shm() ? -EMFILE : 0, lib(pyq_from_fd(&q, queue)));
}

/* proves: pyq_create -EMFILE, pyq_open -EMFILE, pyq_list -EMFILE, pyq_info -EMFILE */
/* proves: pyq_from_fd -EMFILE */
TEST_F(errors, file_descriptors)
{
	apart(_metadata, without_fds);
}

static void without_files(struct __test_metadata *_metadata)
{
	int queue = fd_of(_metadata, NULL); /* root may have more */
	pyq_queue *q;

	become_nobody();
	each_call_by_name(_metadata, -ENFILE);
	EXPECT_EQ(on_shm() ? -ENFILE : 0, lib(pyq_from_fd(&q, queue)));
}

/* proves: pyq_create -ENFILE, pyq_open -ENFILE, pyq_list -ENFILE, pyq_info -ENFILE */
/* proves: pyq_from_fd -ENFILE */
TEST_F(errors, files_of_the_system)
{
	long long old;

	if (geteuid())
		SKIP(return, "needs root");
	old = set(FILE_MAX, 0);
	ASSERT_LT(0, old);
	apart(_metadata, without_files);
	ASSERT_LE(0, set(FILE_MAX, old));
}

/* proves: pyq_open -ENOMEM, pyq_from_fd -ENOMEM, pyq_get_alloc -ENOMEM */
TEST_F(errors, memory)
{
	int fd = dup(pyq_fd(self->q)), err;
	pyq_queue *q = self->q;
	void *data = self;

	no_memory = true;
	err = pyq_open(&q, ROOTS_OWN, 0);
	no_memory = false;
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_EQ(NULL, q);

	no_memory = true;
	err = make(&q, NULL);
	no_memory = false;
	EXPECT_EQ(-ENOMEM, err);

	no_memory = true;
	err = pyq_from_fd(&q, fd);
	no_memory = false;
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_EQ(0, close(fd));

	ASSERT_EQ(0, pyq_put(self->q, "there", 5, PYQ_NOWAIT));
	no_memory = true;
	err = pyq_get_alloc(self->q, &data, NULL, PYQ_NOWAIT);
	no_memory = false;
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_EQ(NULL, data);
	EXPECT_EQ(1, pyq_qsize(self->q));
	EXPECT_EQ(0, pyq_get_alloc(self->q, &data, NULL, PYQ_NOWAIT));
	EXPECT_STREQ("there", data);
	free(data);
}

/* proves: pyq_aio_create -ENOMEM, pyq_aio_put -ENOMEM, pyq_aio_get -ENOMEM */
/* proves: pyq_aio_put_many -ENOMEM, pyq_aio_get_many -ENOMEM, pyq_get_any -ENOMEM */
TEST_F(errors, memory_of_operations)
{
	pyq_queue *q = new_queue(.maxsize = 1), *many[65];
	struct pyq_msg msg = { .data = "", .len = 1 };
	int errs[6] = { 0 }, i;
	size_t which = 0;
	pyq_aio *aio;
	char c;

	for (i = 0; i < 65; i++)
		many[i] = q;
	no_memory = true;
	errs[0] = pyq_aio_create(&aio, 4, 0);
	no_memory = false;
	EXPECT_EQ(NULL, aio);
	ASSERT_EQ(0, pyq_aio_create(&aio, 4, 0));
	/* What need not wait needs no memory; what must is no operation then. */
	no_memory = true;
	errs[1] = pyq_aio_get(aio, q, &c, 1, PYQ_FOREVER, 1);
	errs[2] = pyq_aio_get_many(aio, q, &(struct pyq_msg){ .data = &c, .size = 1 }, 1, PYQ_FOREVER, 1);
	errs[3] = (int)pyq_get_any(many, 65, &which, &c, 1, PYQ_FOREVER);
	EXPECT_EQ(0, pyq_aio_put(aio, q, "", 1, PYQ_FOREVER, 1));
	errs[4] = pyq_aio_put(aio, q, "", 1, PYQ_FOREVER, 1);
	errs[5] = pyq_aio_put_many(aio, q, &msg, 1, PYQ_FOREVER, 1);
	no_memory = false;
	for (i = 0; i < 6; i++)
		EXPECT_EQ(-ENOMEM, errs[i]) TH_LOG("call %d", i);
	EXPECT_EQ(1, pyq_aio_destroy(aio));
	pyq_close(q);
}

static int aio_without_files(pyq_aio *aio, bool of_the_system)
{
	struct rlimit limit = { 0, 0 };
	int err, uring, epoll;
	pyq_aio *other;

	if (of_the_system)
		become_nobody();
	else if (setrlimit(RLIMIT_NOFILE, &limit))
		return 1;
	err = of_the_system ? -ENFILE : -EMFILE;
	uring = pyq_aio_create(&other, 4, PYQ_AIO_URING);
	epoll = pyq_aio_create(&other, 4, PYQ_AIO_EPOLL);
	if (uring != err && uring != -ENOSYS && uring != -EPERM)
		return 2;
	if (epoll != err || other)
		return 3;
	return pyq_aio_fd(aio) == err ? 0 : 4;
}

/* proves: pyq_aio_create -EMFILE, pyq_aio_create -ENFILE, pyq_aio_fd -EMFILE, pyq_aio_fd -ENFILE */
TEST_F(errors, files_of_operations)
{
	pyq_aio *aio;
	long long old;
	int err;

	EXPECT_EQ(0, exit_status(in_child(pyq_aio_create(&aio, 4, 0) ? 5 : aio_without_files(aio, false))));
	if (geteuid())
		return;
	/* Made before there are none; in a child of its own, which may become nobody. */
	old = set(FILE_MAX, -1);
	ASSERT_LT(0, old);
	err = exit_status(in_child(({
		int ret = pyq_aio_create(&aio, 4, 0) ? 5 : 0;

		set(FILE_MAX, 0);
		ret ? ret : aio_without_files(aio, true);
	})));
	ASSERT_LE(0, set(FILE_MAX, old));
	EXPECT_EQ(0, err);
}

static int none_to_be_had(pyq_queue *q, bool of_the_system)
{
	struct rlimit limit = { 0, 0 };
	struct pollfd pfd;
	size_t which = 0;
	char c;

	if (of_the_system)
		become_nobody();
	else if (setrlimit(RLIMIT_NOFILE, &limit))
		_exit(1);
	/* Both the same: the one is how the other waits. */
	if (pyq_get_any(&q, 1, &which, &c, 1, PYQ_FOREVER) != pyq_pollfd(q, PYQ_READ, &pfd))
		return -1;
	return pyq_pollfd(q, PYQ_READ, &pfd);
}

/* Those who only need memory and files where queues are mapped. */
/* proves: pyq_borrow -ENOMEM, pyq_pollfd -ENOMEM, pyq_pollfd -EMFILE, pyq_pollfd -ENFILE */
/* proves: pyq_get_any -EMFILE, pyq_get_any -ENFILE */
TEST_F(errors, mapped)
{
	pyq_queue *q = new_queue(.maxsize = 1, .payload = 48);
	static char text[1000];
	struct pyq_loan loan;
	struct pollfd pfd;
	long long old;
	int err;

	if (!on_shm()) {
		pyq_close(q);
		SKIP(return, "of mapped queues");
	}
	ASSERT_EQ(0, pyq_put(q, text, sizeof(text), PYQ_NOWAIT));
	no_memory = true;
	err = pyq_borrow(q, &loan, PYQ_NOWAIT);
	no_memory = false;
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_EQ(NULL, loan.data);
	EXPECT_EQ(1, pyq_qsize(q));
	ASSERT_EQ(0, pyq_borrow(q, &loan, PYQ_NOWAIT));
	EXPECT_EQ(sizeof(text), loan.size);
	EXPECT_EQ(0, pyq_release(q, &loan));

	no_memory = true;
	err = pyq_pollfd(q, PYQ_READ, &pfd);
	no_memory = false;
	EXPECT_EQ(-ENOMEM, err);
	/* The child has taken the queue up before there are none. */
	EXPECT_EQ(EMFILE, exit_status(in_child(pyq_qsize(q) ? 0 : -none_to_be_had(q, false))));
	if (!geteuid()) {
		old = set(FILE_MAX, 0);
		ASSERT_LT(0, old);
		err = exit_status(in_child(pyq_qsize(q) ? 0 : -none_to_be_had(q, true)));
		ASSERT_LE(0, set(FILE_MAX, old));
		EXPECT_EQ(ENFILE, err);
	}
	EXPECT_EQ(0, pyq_pollfd(q, PYQ_READ, &pfd));
	pyq_close(q);
}

/* proves: pyq_create -ENOSPC, pyq_create -EDQUOT, pyq_put -EDQUOT, pyq_put_many -EDQUOT */
TEST_F(errors, limits_of_the_user)
{
	struct pyq_info info;
	pyq_queue *q, *other = new_queue(.maxsize = 1);
	static char large[100000];
	struct pyq_msg msg = { .data = large, .len = sizeof(large) };
	long long old;

	if (on_shm())
		SKIP(return, "nobody counts the queues in shared memory");
	ASSERT_EQ(0, pyq_info(&info));
	old = set(PARAMETERS "max_user_queues", info.user_queues);
	if (old < 0)
		SKIP(return, "no module parameters, or not for us");
	EXPECT_EQ(-ENOSPC, lib(make(&q, NULL)));
	EXPECT_EQ(NULL, q);
	ASSERT_LE(0, set(PARAMETERS "max_user_queues", old));

	old = set(PARAMETERS "max_user_bytes", info.user_bytes + 50000);
	ASSERT_LT(0, old);
	EXPECT_EQ(-EDQUOT, lib(pyq_create(&q, &(struct pyq_attr){ .maxsize = 10000 })));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(-EDQUOT, lib(pyq_put(other, large, sizeof(large), PYQ_NOWAIT)));
	EXPECT_EQ(-EDQUOT, lib(pyq_put_many(other, &msg, 1, PYQ_NOWAIT)));
	ASSERT_LE(0, set(PARAMETERS "max_user_bytes", old));
	EXPECT_EQ(0, pyq_qsize(other));
	EXPECT_EQ(0, lib(pyq_put(other, large, sizeof(large), PYQ_NOWAIT)));
	pyq_close(other);
}

static void in_a_small_group(struct __test_metadata *_metadata)
{
	size_t len = 4 << 20;
	char *large = memset(malloc(len), 1, len);
	struct pyq_msg msg = { .data = large, .len = len };
	pyq_queue *q, *other;
	int err;

	if (set(GROUP "/cgroup.procs", getpid()) < 0)
		_exit(1);
	q = new_queue(.maxsize = 64, .max_msg = len);
	while (!(err = lib(pyq_put(q, large, len, PYQ_NOWAIT))))
		;
	EXPECT_EQ(-ENOMEM, err);
	EXPECT_LT(0, pyq_qsize(q));
	EXPECT_EQ(-ENOMEM, lib(pyq_put_many(q, &msg, 1, PYQ_NOWAIT)));
	EXPECT_EQ(-ENOMEM, lib(pyq_create(&other, &(struct pyq_attr){ .maxsize = 300000 })));
	EXPECT_EQ(NULL, other);
}

/* proves: pyq_create -ENOMEM, pyq_put -ENOMEM, pyq_put_many -ENOMEM */
TEST_F(errors, memory_of_the_cgroup)
{
	int64_t until;

	if (on_shm())
		SKIP(return, "there the OOM killer sees to it");
	if (mkdir(GROUP, 0755) || set(GROUP "/memory.max", 32 << 20) < 0) {
		rmdir(GROUP);
		SKIP(return, "no memory controller of cgroup2");
	}
	apart(_metadata, in_a_small_group);
	until = lib_now_ns() + LONG;
	while (rmdir(GROUP) && errno == EBUSY && lib_now_ns() < until)
		sched_yield();
}

/* --- putting --------------------------------------------------------------- */

static ssize_t put_one(pyq_queue *q, const void *data, size_t len, int64_t timeout)
{
	return pyq_put(q, data, len, timeout);
}

static ssize_t put_array(pyq_queue *q, const void *data, size_t len, int64_t timeout)
{
	struct pyq_msg msgs[] = { { .data = (void *)data, .len = len }, { .len = 0 } };

	return pyq_put_many(q, msgs, 2, timeout);
}

/* proves: pyq_put -EAGAIN, pyq_put -ETIMEDOUT, pyq_put -ESHUTDOWN, pyq_put -E2BIG */
/* proves: pyq_put -ENOBUFS, pyq_put -EBADF, pyq_put -EFAULT, pyq_put -EINVAL */
/* proves: pyq_put_many -EAGAIN, pyq_put_many -ETIMEDOUT, pyq_put_many -ESHUTDOWN */
/* proves: pyq_put_many -E2BIG, pyq_put_many -ENOBUFS, pyq_put_many -EBADF */
/* proves: pyq_put_many -EFAULT, pyq_put_many -EINVAL, PYQ_NOWAIT -EINVAL */
/* proves: pyq_msg -EINVAL, pyq_shutdown -ESHUTDOWN */
TEST_F(errors, puts)
{
	ssize_t (*const calls[])(pyq_queue *q, const void *data, size_t len, int64_t timeout) = {
		put_one, put_array,
	};
	static char large[10001];
	struct pyq_msg bad = { .data = large, .len = 1, .reserved = 1 };
	char byte;

	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-EINVAL, lib(calls[i](self->q, "x", 1, -2)));
		EXPECT_EQ(-EINVAL, lib(calls[i](self->q, "x", 1, INT64_MIN)));
		/* What is not NULL is believed by who copies himself. */
		EXPECT_EQ(-EFAULT, lib(calls[i](self->q, is_mapped(self->q) ? NULL : (void *)8, 1,
						PYQ_NOWAIT)));
		EXPECT_EQ(-E2BIG, lib(calls[i](self->q, large, 10001, PYQ_NOWAIT)));
		EXPECT_EQ(-ENOBUFS, lib(calls[i](self->q, large, 9000, PYQ_NOWAIT)));
		EXPECT_EQ(-EBADF, lib(calls[i](self->reader, "x", 1, PYQ_NOWAIT)));
		EXPECT_EQ(0, pyq_qsize(self->q));
		ASSERT_EQ(i ? 1 : 0, lib(calls[i](self->writer, "x", 1, PYQ_NOWAIT)));
		EXPECT_EQ(-EAGAIN, lib(calls[i](self->q, "x", 1, PYQ_NOWAIT)));
		EXPECT_EQ(-ETIMEDOUT, lib(calls[i](self->q, "x", 1, PYQ_MILLISECONDS(5))));
		EXPECT_TRUE(pyq_is_full(-EAGAIN) && pyq_is_full(-ETIMEDOUT));
		ASSERT_EQ(1, pyq_get(self->q, &byte, 1, PYQ_NOWAIT));
	}
	EXPECT_EQ(-EINVAL, lib(pyq_put_many(self->q, &bad, 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, pyq_qsize(self->q));
	EXPECT_EQ(0, lib(pyq_shutdown(self->q, false)));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(-ESHUTDOWN, lib(calls[i](self->q, "x", 1, PYQ_NOWAIT)));
		EXPECT_EQ(-ESHUTDOWN, lib(calls[i](self->q, "x", 1, PYQ_FOREVER)));
	}
}

/* --- getting --------------------------------------------------------------- */

static ssize_t get_bytes(pyq_queue *q, void *buf, size_t size, int64_t timeout)
{
	return pyq_get(q, buf, size, timeout);
}

static ssize_t get_msg(pyq_queue *q, void *buf, size_t size, int64_t timeout)
{
	struct pyq_msg msg = { .data = buf, .size = size };

	return pyq_get_msg(q, &msg, timeout);
}

static ssize_t get_array(pyq_queue *q, void *buf, size_t size, int64_t timeout)
{
	struct pyq_msg msg = { .data = buf, .size = size };

	return pyq_get_many(q, &msg, 1, timeout);
}

static ssize_t get_alloc(pyq_queue *q, void *buf, size_t size, int64_t timeout)
{
	void *data = buf;
	ssize_t ret = pyq_get_alloc(q, &data, &size, timeout);

	if (ret < 0)
		return data ? -EPROTO : ret;
	memcpy(buf, data, size);
	free(data);
	return size;
}

/* proves: pyq_get -EAGAIN, pyq_get -ETIMEDOUT, pyq_get -ESHUTDOWN, pyq_get -EMSGSIZE */
/* proves: pyq_get -EBADF, pyq_get -EFAULT, pyq_get -EINVAL */
/* proves: pyq_get_msg -EAGAIN, pyq_get_msg -ETIMEDOUT, pyq_get_msg -ESHUTDOWN */
/* proves: pyq_get_msg -EMSGSIZE, pyq_get_msg -EBADF, pyq_get_msg -EFAULT, pyq_get_msg -EINVAL */
/* proves: pyq_get_many -EAGAIN, pyq_get_many -ETIMEDOUT, pyq_get_many -ESHUTDOWN */
/* proves: pyq_get_many -EMSGSIZE, pyq_get_many -EBADF, pyq_get_many -EFAULT */
/* proves: pyq_get_many -EINVAL */
/* proves: pyq_get_alloc -EAGAIN, pyq_get_alloc -ETIMEDOUT, pyq_get_alloc -ESHUTDOWN */
/* proves: pyq_get_alloc -EBADF, pyq_get_alloc -EINVAL */
TEST_F(errors, gets)
{
	ssize_t (*const calls[])(pyq_queue *q, void *buf, size_t size, int64_t timeout) = {
		get_bytes, get_msg, get_array, get_alloc,
	};
	struct pyq_msg bad = { .data = self, .size = 1, .reserved = 1 };
	char buf[8];

	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-EAGAIN, lib(calls[i](self->q, buf, 8, PYQ_NOWAIT)));
		EXPECT_EQ(-ETIMEDOUT, lib(calls[i](self->q, buf, 8, PYQ_MILLISECONDS(5))));
		EXPECT_TRUE(pyq_is_empty(-EAGAIN) && pyq_is_empty(-ETIMEDOUT));
		EXPECT_EQ(-EINVAL, lib(calls[i](self->q, buf, 8, -2)));
		ASSERT_EQ(0, pyq_put(self->q, "abc", 3, PYQ_NOWAIT));
		EXPECT_EQ(-EINVAL, lib(calls[i](self->q, buf, 8, INT64_MIN)));
		EXPECT_EQ(-EBADF, lib(calls[i](self->writer, buf, 8, PYQ_NOWAIT)));
		if (calls[i] != get_alloc) {
			EXPECT_EQ(-EMSGSIZE, lib(calls[i](self->q, buf, 2, PYQ_NOWAIT)));
			EXPECT_EQ(-EFAULT, lib(calls[i](self->q, is_mapped(self->q) ? NULL : (void *)8, 8,
							PYQ_NOWAIT)));
		}
		EXPECT_EQ(1, pyq_qsize(self->q));
		EXPECT_EQ(calls[i] == get_array ? 1 : 3,
			  lib(calls[i](self->reader, buf, 8, PYQ_NOWAIT)));
		EXPECT_EQ(0, memcmp(buf, "abc", 3));
	}
	ASSERT_EQ(0, pyq_put(self->q, "abc", 3, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_get_msg(self->q, &bad, PYQ_NOWAIT)));
	EXPECT_EQ(-EINVAL, lib(pyq_get_many(self->q, &bad, 1, PYQ_NOWAIT)));
	ASSERT_EQ(0, pyq_shutdown(self->q, false));
	EXPECT_EQ(3, lib(pyq_get(self->q, buf, 8, PYQ_FOREVER)));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(-ESHUTDOWN, lib(calls[i](self->q, buf, 8, PYQ_NOWAIT)));
		EXPECT_EQ(-ESHUTDOWN, lib(calls[i](self->q, buf, 8, PYQ_FOREVER)));
	}
}

/* --- the rest -------------------------------------------------------------- */

/* proves: pyq_join -EAGAIN, pyq_join -ETIMEDOUT, pyq_join -EINVAL */
/* proves: pyq_task_done -EINVAL, pyq_task_done -EBADF */
TEST_F(errors, tasks)
{
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(self->q, 0)));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(self->q, 1)));
	ASSERT_EQ(0, pyq_put(self->q, "x", 1, PYQ_NOWAIT));
	EXPECT_EQ(-EINVAL, lib(pyq_task_done(self->q, 2)));
	EXPECT_EQ(-EBADF, lib(pyq_task_done(self->writer, 1)));
	EXPECT_EQ(-EAGAIN, lib(pyq_join(self->q, PYQ_NOWAIT)));
	EXPECT_EQ(-ETIMEDOUT, lib(pyq_join(self->q, PYQ_MILLISECONDS(5))));
	EXPECT_EQ(-EINVAL, lib(pyq_join(self->q, -2)));
	EXPECT_EQ(0, lib(pyq_task_done(self->reader, 1)));
	EXPECT_EQ(0, lib(pyq_join(self->writer, PYQ_NOWAIT)));
}

/* proves: pyq_shutdown -EBADF */
TEST_F(errors, shutdown)
{
	EXPECT_EQ(-EBADF, lib(pyq_shutdown(self->reader, false)));
	EXPECT_EQ(-EBADF, lib(pyq_shutdown(self->reader, true)));
	EXPECT_EQ(-EBADF, lib(pyq_shutdown(self->writer, true)));
	EXPECT_EQ(0, lib(pyq_put(self->q, "x", 1, PYQ_NOWAIT)));
	EXPECT_EQ(0, lib(pyq_shutdown(self->writer, false)));
}

/* proves: pyq_from_fd -EBADF, pyq_from_fd -ENOTTY */
TEST_F(errors, from_fd)
{
	int pipes[2], fd = open("/dev/null", O_RDWR);
	pyq_queue *q = self->q;

	ASSERT_EQ(0, pipe(pipes));
	EXPECT_EQ(-ENOTTY, lib(pyq_from_fd(&q, fd)));
	EXPECT_EQ(NULL, q);
	EXPECT_EQ(-ENOTTY, lib(pyq_from_fd(&q, pipes[0])));
	EXPECT_EQ(0, close(fd));
	EXPECT_EQ(-EBADF, lib(pyq_from_fd(&q, fd)));
	EXPECT_EQ(-EBADF, lib(pyq_from_fd(&q, -1)));
	EXPECT_EQ(NULL, q);
}

TEST_HARNESS_MAIN
