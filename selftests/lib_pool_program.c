// SPDX-License-Identifier: GPL-2.0
/* Programs that are no workers, and hosts that are no pools: pyq_pool_create() and _serve(). */
#include "lib_test.h"

#include <stdarg.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* --- what the library says can be spoilt, and time can pass */

/**
 * struct spoil - what becomes of a message
 * @nth: of which one, from 1; 0: of none
 * @at: the byte of that
 * @bits: that are turned
 * @len: 0, or 1 more than the bytes that are sent
 * @files: 0, or 1 more than the files that are
 * @file: 0, or all of them are this one
 */
struct spoil {
	int nth;
	size_t at;
	uint8_t bits;
	int len, files, file;
};

static struct spoil spoil;

#define spoilt(...) ((struct spoil){ __VA_ARGS__ })
#define WELL spoilt(.nth = 0)

static ssize_t really_send(int fd, const void *data, size_t len, const struct msghdr *like, int flags)
{
	char bytes[512];
	struct iovec iov = { .iov_base = bytes, .iov_len = len };
	struct msghdr msg = like ? *like : (struct msghdr){ .msg_flags = 0 };

	if (len > sizeof(bytes))
		abort();
	memcpy(bytes, data, len);
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	if (spoil.nth && !--spoil.nth) {
		if (spoil.at < len)
			bytes[spoil.at] ^= spoil.bits;
		if (spoil.len)
			iov.iov_len = (size_t)spoil.len - 1;
	}
	return syscall(SYS_sendmsg, fd, &msg, flags);
}

/* The library is linked with this one. */
ssize_t send(int fd, const void *data, size_t len, int flags)
{
	return really_send(fd, data, len, NULL, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	union {
		struct cmsghdr head;
		char bytes[128];
	} control;
	struct msghdr other = *msg;

	if (msg->msg_controllen > sizeof(control))
		abort();
	memcpy(&control, msg->msg_control, msg->msg_controllen);
	other.msg_control = &control;
	if (spoil.nth && spoil.files) {
		const size_t n = (size_t)spoil.files - 1;

		control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
		other.msg_controllen = n ? CMSG_SPACE(n * sizeof(int)) : 0;
	}
	if (spoil.nth && spoil.file) {
		for (int i = 0; CMSG_LEN(i * sizeof(int)) < control.head.cmsg_len; i++)
			memcpy(CMSG_DATA(&control.head) + i * sizeof(int), &spoil.file, sizeof(int));
	}
	return really_send(fd, msg->msg_iov[0].iov_base, msg->msg_iov[0].iov_len, &other, flags);
}

/* So long a sleep lasts: it is over at once, and the clock shows it. */
static bool time_flies;
static struct timespec flown;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	const int ret = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += flown.tv_sec;
	ts->tv_nsec += flown.tv_nsec;
	if (ts->tv_nsec >= 1000000000) {
		ts->tv_sec++;
		ts->tv_nsec -= 1000000000;
	}
	return ret;
}

int ppoll(struct pollfd *pfds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec copy = timeout ? *timeout : (struct timespec){ 0 };

	if (time_flies && timeout) {
		flown = *timeout;
		return 0;
	}
	return (int)syscall(SYS_ppoll, pfds, n, timeout ? &copy : NULL, mask, 8);
}

/* --- the program */

static int square(struct pyq_call *call)
{
	const int n = *(int *)call->arg * *(int *)call->arg;

	return pyq_return(call, &n, sizeof(n));
}

/* "good FD NTH AT BITS LEN": spoils a message; FD is told what pyq_pool_serve() has returned. */
static int serve(const struct pyq_pool_function *functions, char **args)
{
	const int told = atoi(args[0]);
	int ret;

	spoil.nth = atoi(args[1]);
	spoil.at = strtoul(args[2], NULL, 10);
	spoil.bits = (uint8_t)atoi(args[3]);
	spoil.len = atoi(args[4]);
	ret = pyq_pool_serve(functions, NULL, NULL);
	return write(told, &ret, sizeof(ret)) != sizeof(ret);
}

static int serve_many(char **args, int n)
{
	struct pyq_pool_function *functions = calloc(n + 1, sizeof(*functions));
	char(*names)[256] = calloc(n, sizeof(*names));

	for (int i = 0; i < n; i++) {
		/* Long ones: more than a socket has room for. */
		memset(names[i], 'x', 255);
		names[i][sprintf(names[i], "%d", i)] = 'x';
		functions[i] = (struct pyq_pool_function){ names[i], square };
	}
	n = serve(functions, args);
	free(functions);
	free(names);
	return n;
}

/* Nothing more can be mapped. */
static void set_limit(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long pages = 0;
	struct rlimit limit;

	if (!f || fscanf(f, "%lu", &pages) != 1)
		exit(1);
	limit.rlim_cur = limit.rlim_max = pages * (rlim_t)sysconf(_SC_PAGESIZE);
	if (setrlimit(RLIMIT_AS, &limit))
		exit(1);
}

/* No more files than two. */
static void set_file_limit(void)
{
	const int fd = dup(STDIN_FILENO);
	const struct rlimit limit = { fd + 2, fd + 2 };

	close(fd);
	if (fd < 0 || setrlimit(RLIMIT_NOFILE, &limit))
		exit(1);
}

__attribute__((constructor)) static void program(int argc, char **argv)
{
	static const struct pyq_pool_function good[] = { { "square", square }, { "2", square }, { 0 } };
	static const struct pyq_pool_function twice[] = {
		{ "square", square }, { "2", square }, { "square", square }, { 0 }
	};
	static const struct pyq_pool_function nowhere[] = { { "square", NULL }, { 0 } };
	static const struct pyq_pool_function nameless[] = { { "", square }, { 0 } };
	static const struct pyq_pool_function none[] = { { 0 } };
	char long_name[257];
	const struct pyq_pool_function too_long[] = { { long_name, square }, { 0 } };
	const char *what = argc > 2 ? argv[2] : "";

	if (argc < 3 || strcmp(argv[1], "--as"))
		return;
	memset(long_name, 'x', 256);
	long_name[256] = '\0';
	if (!strcmp(what, "nothing"))
		exit(0);
	if (!strcmp(what, "killed"))
		raise(SIGKILL);
	if (!strcmp(what, "closed"))
		close_range(0, ~0U, 0);
	while (!strcmp(what, "closed") || !strcmp(what, "asleep"))
		pause();
	if (!strcmp(what, "no_memory"))
		set_limit();
	if (!strcmp(what, "no_files"))
		set_file_limit();
	if (!strcmp(what, "good") || !strcmp(what, "no_memory") || !strcmp(what, "no_files"))
		exit(serve(good, argv + 3));
	if (!strcmp(what, "twice"))
		exit(serve(twice, argv + 3));
	if (!strcmp(what, "nowhere"))
		exit(serve(nowhere, argv + 3));
	if (!strcmp(what, "nameless"))
		exit(serve(nameless, argv + 3));
	if (!strcmp(what, "too_long"))
		exit(serve(too_long, argv + 3));
	if (!strcmp(what, "none"))
		exit(serve(none, argv + 3));
	exit(serve_many(argv + 3, atoi(what)));
}

/* --- the host */

#define EXE "/proc/self/exe"
#define AS(...) .argv = (char *[]){ EXE, "--as", __VA_ARGS__, NULL }, .workers = 1

/* What pyq_pool_create() says; the pool, if there is one, works. */
#define create(...)                                                                               \
	({                                                                                        \
		struct pyq_pool_attr attr_ = { __VA_ARGS__ };                                     \
		pyq_pool *pool_ = (pyq_pool *)1;                                                  \
		int err_ = lib(pyq_pool_create(&pool_, &attr_));                                  \
		EXPECT_TRUE(!pool_ == (err_ < 0));                                                \
		EXPECT_EQ(0, lib(pyq_pool_destroy(pool_)));                                       \
		/* Whatever the program was: it is gone. */                                       \
		EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG));                                        \
		EXPECT_EQ(ECHILD, errno);                                                         \
		err_;                                                                             \
	})

static int count_files(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* What both say. */
struct outcome {
	int create, serve;
};

static struct outcome create_and_serve(const char *what, struct spoil program)
{
	char told[12], nth[12], at[24], bits[12], len[12];
	struct pyq_pool_attr attr = { AS((char *)what, told, nth, at, bits, len) };
	struct outcome outcome = { .serve = 1000 };
	pyq_pool *pool;
	int ends[2];

	if (pipe(ends))
		return outcome;
	fcntl(ends[0], F_SETFD, FD_CLOEXEC);
	sprintf(told, "%d", ends[1]);
	sprintf(nth, "%d", program.nth);
	sprintf(at, "%zu", program.at);
	sprintf(bits, "%u", program.bits);
	sprintf(len, "%d", program.len);
	outcome.create = pyq_pool_create(&pool, &attr);
	close(ends[1]);
	pyq_pool_destroy(pool);
	/* If it was killed it says nothing. */
	if (read(ends[0], &outcome.serve, sizeof(outcome.serve)) != sizeof(outcome.serve))
		outcome.serve = 1000;
	close(ends[0]);
	return outcome;
}

/* proves: pyq_pool_create -EINVAL */
TEST(attributes)
{
	char *no_program[] = { NULL };
	int arg = 0;

	EXPECT_EQ(-EINVAL, create(.argv = no_program));
	EXPECT_EQ(-EINVAL, create(AS("good"), .initializer = (int (*)(void *))square));
	EXPECT_EQ(-EINVAL, create(AS("good"), .initializer_arg = &arg));
	EXPECT_EQ(-EINVAL, create(AS("good"), .flags = PYQ_POOL_THREADS));
}

/* proves: pyq_pool_create -ENOENT, pyq_pool_create -EACCES */
TEST(no_program)
{
	const int files = count_files();
	char text[] = "/tmp/lib_pool_program.XXXXXX";
	const int fd = mkstemp(text);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENOENT, create(.argv = (char *[]){ "/nowhere/program", NULL }));
	EXPECT_EQ(-ENOENT, create(.argv = (char *[]){ "no-program-of-this-name", NULL }));
	EXPECT_EQ(-ENOENT, create(.argv = (char *[]){ "", NULL }));
	EXPECT_EQ(-EACCES, create(.argv = (char *[]){ text, NULL }));
	EXPECT_EQ(-EACCES, create(.argv = (char *[]){ "/tmp", NULL }));
	/* One without a line that says of what language it is. */
	EXPECT_EQ(5, write(fd, "text\n", 5));
	fchmod(fd, 0755);
	close(fd);
	EXPECT_EQ(-ENOEXEC, create(.argv = (char *[]){ text, NULL }));
	unlink(text);
	EXPECT_EQ(files, count_files());
}

/* proves: pyq_pool_create -EPIPE */
TEST(it_does_not_serve)
{
	const int files = count_files();

	EXPECT_EQ(-EPIPE, create(AS("nothing")));
	EXPECT_EQ(-EPIPE, create(AS("killed")));
	EXPECT_EQ(-EPIPE, create(AS("closed")));
	EXPECT_EQ(-EPIPE, create(.argv = (char *[]){ "true", NULL }));
	EXPECT_EQ(files, count_files());
}

/* Another child has the socket's other end open: the program's end is seen all the same. */
TEST(it_does_not_serve_and_the_socket_is_open)
{
	char script[100];
	int ends[2];

	ASSERT_EQ(0, pipe(ends));
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
	sprintf(script, "cat </proc/self/fd/%d & exit 0", ends[0]);
	EXPECT_EQ(-EPIPE, create(.argv = (char *[]){ "sh", "-c", script, NULL }));
	close(ends[1]);
}

/* proves: pyq_pool_create -ETIMEDOUT */
TEST(it_takes_too_long)
{
	time_flies = true;
	EXPECT_EQ(-ETIMEDOUT, create(AS("asleep")));
	EXPECT_EQ(9, flown.tv_sec);
}

/* proves: pyq_pool_serve -EINVAL, pyq_pool_serve -EEXIST, pyq_pool_serve -E2BIG */
TEST(tables)
{
	static const struct {
		const char *what;
		int err;
	} tables[] = {
		{ "good", 0 },		{ "none", 0 },		{ "4096", 0 },
		{ "4097", -E2BIG },	{ "twice", -EEXIST },	{ "nowhere", -EINVAL },
		{ "nameless", -EINVAL }, { "too_long", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct outcome o = create_and_serve(tables[i].what, WELL);

		EXPECT_EQ(tables[i].err, o.create) TH_LOG("%s", tables[i].what);
		/* Or it was killed before it could say so. */
		if (o.serve != 1000 || !tables[i].err) {
			EXPECT_EQ(tables[i].err, o.serve)
				TH_LOG("%s", tables[i].what);
		}
	}
}


/* proves: pyq_pool_serve -ENOMEM, pyq_pool_create -ENOMEM */
TEST(no_memory_in_the_program)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	SKIP(return, "a sanitizer needs memory of its own");
#else
	EXPECT_EQ(-ENOMEM, create_and_serve("no_memory", WELL).create);
#endif
}

/* proves: pyq_pool_serve -EMFILE, pyq_pool_create -EMFILE */
TEST(no_files_in_the_program)
{
	const struct outcome o = create_and_serve("no_files", WELL);

	EXPECT_EQ(-EMFILE, o.create);
	EXPECT_TRUE(o.serve == -EMFILE || o.serve == 1000);
}

/* proves: pyq_pool_serve -EPROTO, pyq_pool_create -EPROTO */
TEST(the_host_is_another_version)
{
	struct outcome o;

	spoil = spoilt(.nth = 1, .at = 4, .bits = 2);
	o = create_and_serve("good", WELL);
	EXPECT_EQ(-EPROTO, o.create);
	/* Of 4 bytes' addresses, if this one has 8. */
	spoil = spoilt(.nth = 1, .at = 8, .bits = sizeof(void *) ^ 4);
	o = create_and_serve("good", WELL);
	EXPECT_EQ(sizeof(void *) == 4 ? 0 : -EPROTO, o.create);
}

/* Each byte, and less of them: it is refused, or does no harm. */
TEST(the_host_says_nonsense)
{
	struct outcome o;
	int refused = 0;

	for (size_t at = 0; at < 48; at++) {
		spoil = spoilt(.nth = 1, .at = at, .bits = 0x81);
		o = create_and_serve("good", WELL);
		EXPECT_TRUE(!o.create || o.create == -EINVAL || o.create == -EPROTO)
			TH_LOG("byte %zu: %d", at, o.create);
		refused += o.create != 0;
	}
	EXPECT_LE(20, refused);
	for (int len = 0; len < 48; len += 4) {
		spoil = spoilt(.nth = 1, .len = len + 1);
		o = create_and_serve("good", WELL);
		/* No bytes are the end. */
		EXPECT_EQ(len ? -EINVAL : -EPIPE, o.create) TH_LOG("%d bytes", len);
	}
}

TEST(the_host_sends_other_files)
{
	struct outcome o;

	for (int n = 0; n < 5; n++) {
		spoil = spoilt(.nth = 1, .files = n + 1);
		o = create_and_serve("good", WELL);
		EXPECT_EQ(-EINVAL, o.create) TH_LOG("%d files", n);
	}
	spoil = spoilt(.nth = 1, .file = open("/dev/null", O_RDWR));
	o = create_and_serve("good", WELL);
	EXPECT_EQ(-EINVAL, o.create);
}

/* The answer, or one of the functions. */
TEST(the_program_says_nonsense)
{
	struct outcome o;

	for (size_t at = 0; at < 8; at++) {
		o = create_and_serve("good", spoilt(.nth = 1, .at = at, .bits = 0x82));
		EXPECT_EQ(-EPROTO, o.create) TH_LOG("byte %zu", at);
	}
	/* Errors that there are not, and too many functions. */
	for (size_t at = 8; at < 12; at++) {
		o = create_and_serve("good", spoilt(.nth = 1, .at = at, .bits = 1));
		EXPECT_EQ(-EPROTO, o.create) TH_LOG("byte %zu", at);
	}
	for (size_t at = 13; at < 16; at++) {
		o = create_and_serve("good", spoilt(.nth = 1, .at = at, .bits = 0x80));
		EXPECT_EQ(-EPROTO, o.create) TH_LOG("byte %zu", at);
	}
	for (int len = 1; len < 16; len++) {
		o = create_and_serve("good", spoilt(.nth = 1, .len = len + 1));
		EXPECT_EQ(-EPROTO, o.create) TH_LOG("%d bytes", len);
	}
	o = create_and_serve("good", spoilt(.nth = 1, .len = 1));
	EXPECT_EQ(-EPIPE, o.create);
	/* 8 bytes where, 7 with the name: a 0 in it, none behind it, no name, half an address. */
	o = create_and_serve("good", spoilt(.nth = 2, .at = 10, .bits = 'u'));
	EXPECT_EQ(-EPROTO, o.create);
	o = create_and_serve("good", spoilt(.nth = 2, .at = 14, .bits = 1));
	EXPECT_EQ(-EPROTO, o.create);
	o = create_and_serve("good", spoilt(.nth = 2, .len = 9));
	EXPECT_EQ(-EPROTO, o.create);
	o = create_and_serve("good", spoilt(.nth = 3, .len = 6));
	EXPECT_EQ(-EPROTO, o.create);
}

/* --- who serves nobody */

static int serve_as(const char *variable)
{
	static const struct pyq_pool_function functions[] = { { "square", square }, { 0 } };
	int ret;

	if (variable)
		setenv("PYQUEUE_POOL", variable, 1);
	errno = UNTOUCHED;
	ret = pyq_pool_serve(functions, NULL, NULL);
	if (errno != UNTOUCHED || getenv("PYQUEUE_POOL"))
		return 255;
	return -ret;
}

static const char *text_of(int fd)
{
	static char text[12];

	sprintf(text, "%d", fd);
	return text;
}

/* proves: pyq_pool_serve -ENOTCONN */
TEST(no_pool)
{
	static const char *const garbage[] = {
		"", "x", "-1", " 3", "3x", "1023", "99999999999", "99999999999999999999999999", "0x3",
	};
	const int null = open("/dev/null", O_RDWR);
	int pair[2], stream[2], datagram[2];
	pid_t pid;

	EXPECT_EQ(ENOTCONN, serve_as(NULL));
	for (size_t i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
		EXPECT_EQ(ENOTCONN, serve_as(garbage[i]))
			TH_LOG("%s", garbage[i]);
	}
	/* Files that are something else stay as they are. */
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, stream));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	EXPECT_EQ(ENOTCONN, serve_as(text_of(null)));
	EXPECT_EQ(0, fcntl(null, F_GETFD));
	pid = in_child(serve_as(text_of(stream[0])));
	EXPECT_EQ(ENOTCONN, exit_status(pid));
	pid = in_child(serve_as(text_of(datagram[0])));
	EXPECT_EQ(ENOTCONN, exit_status(pid));
	/* One that is not the parent's. */
	EXPECT_EQ(ENOTCONN, serve_as(text_of(pair[0])));
	EXPECT_EQ(0, fcntl(pair[0], F_GETFD));
	/* One whose other end is closed. */
	close(pair[1]);
	pid = in_child(serve_as(text_of(pair[0])));
	EXPECT_EQ(ENOTCONN, exit_status(pid));
}

/* Somebody's who never says anything. */
TEST(a_host_takes_too_long)
{
	int pair[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	time_flies = true;
	pid = in_child(serve_as(text_of(pair[0])));
	EXPECT_EQ(ENOTCONN, exit_status(pid));
}

/* The program's: it has left the variable there, and this one's parent is not the host. */
TEST(a_child_of_the_program)
{
	char script[300], exe[200];
	const ssize_t len = readlink(EXE, exe, sizeof(exe) - 1);

	ASSERT_LT(0, len);
	exe[len] = 0;
	sprintf(script, "%s --as good 1 0 0 0 0 >/dev/null; exit 0", exe);

	EXPECT_EQ(-EPIPE, create(.argv = (char *[]){ "sh", "-c", script, NULL }));
}

/* But a script may execute it. */
TEST(a_script)
{
	char script[300], exe[200];
	const ssize_t len = readlink(EXE, exe, sizeof(exe) - 1);

	ASSERT_LT(0, len);
	exe[len] = '\0';
	sprintf(script, "exec %s --as good 1 0 0 0 0 >/dev/null", exe);
	EXPECT_EQ(0, create(.argv = (char *[]){ "sh", "-c", script, NULL }));
}

TEST_HARNESS_MAIN
