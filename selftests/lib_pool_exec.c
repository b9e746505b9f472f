// SPDX-License-Identifier: GPL-2.0
/* A pool whose workers are another program's: this one's, executed again with an argument. */
#include "lib_test.h"
#include "printed.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#define AS(...) .argv = (char *[]){ "/proc/self/exe", "--as", __VA_ARGS__, NULL }

/* --- what the workers can do */

static int initialized;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int square(struct pyq_call *call)
{
	const int n = *(int *)call->arg * *(int *)call->arg;

	return pyq_return(call, &n, sizeof(n));
}

static int refuse(struct pyq_call *call)
{
	return pyq_error(call, -ENOTEMPTY, "there are %d left", *(int *)call->arg);
}

static int die(struct pyq_call *call)
{
	(void)call;
	return raise(SIGKILL);
}

static int die_once(struct pyq_call *call)
{
	const int attempt = (int)call->attempt;

	if (attempt == 1)
		raise(SIGKILL);
	return pyq_return(call, &attempt, sizeof(attempt));
}

static int wait_for_ever(struct pyq_call *call)
{
	(void)call;
	for (;;)
		pause();
	return 0;
}

/* What a thread of the host may be holding. */
static int take_locks(struct pyq_call *call)
{
	const int one = 1;

	pthread_mutex_lock(&mutex);
	flockfile(stdout);
	funlockfile(stdout);
	pthread_mutex_unlock(&mutex);
	free(malloc(100000));
	return pyq_return(call, &one, sizeof(one));
}

/**
 * struct look - what a worker sees of itself
 * @pid: who it is
 * @parent: and its parent, the helper
 * @initialized: by how many initializers
 * @files: how many it has open
 * @helpers: and its parent
 * @inherited: by number: those that a program it executes would get
 * @strange: it has a socket or a pidfd of the pool's open
 * @has_variable: PYQUEUE_POOL is there
 * @name: the thread's
 */
struct look {
	pid_t pid, parent;
	int initialized;
	int files, helpers;
	bool inherited[1024];
	bool strange, has_variable;
	char name[16];
};

static int count_files(pid_t pid)
{
	char path[32];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

static bool is_strange(int fd)
{
	char path[32], to[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, to, sizeof(to) - 1) > 0 &&
	       (strstr(to, "socket:") || strstr(to, "pidfd") || strstr(to, "memfd:pool"));
}

static int look(struct pyq_call *call)
{
	struct look look = {
		.pid = getpid(),
		.parent = getppid(),
		.initialized = initialized,
		.files = count_files(getpid()),
		.helpers = count_files(getppid()),
		.has_variable = getenv("PYQUEUE_POOL") != NULL,
	};

	prctl(PR_GET_NAME, look.name);
	for (int fd = 0; fd < 1024; fd++) {
		const int flags = fcntl(fd, F_GETFD);

		if (flags < 0)
			continue;
		if (!(flags & FD_CLOEXEC))
			look.inherited[fd] = true;
		else if (is_strange(fd))
			look.strange = true;
	}
	return pyq_return(call, &look, sizeof(look));
}

/* What a worker executes is no worker. */
static int execute(struct pyq_call *call)
{
	const char *const argv[] = { "/proc/self/exe", "--as", "grandchild", NULL };
	struct pyq_process p = { .argv = argv };
	int code = -1;

	if (pyq_process_start(&p) || pyq_process_join(&p, LONG) || pyq_process_exitcode(&p, &code))
		return -EIO;
	pyq_process_close(&p);
	return pyq_return(call, &code, sizeof(code));
}

static const struct pyq_pool_function functions[] = {
	{ "square", square },	{ "refuse", refuse },	      { "die", die },
	{ "die_once", die_once }, { "wait_for_ever", wait_for_ever }, { "take_locks", take_locks },
	{ "look", look },	{ "execute", execute },	      { 0 },
};

/* --- the program */

static int told = -1;

/* To the host, by a pipe that it inherits. */
static void tell(void)
{
	if (write(told, "x", 1) != 1)
		_exit(1);
}

static int initialize(void *arg)
{
	initialized += *(int *)arg;
	return 0;
}

static int fail(void *arg)
{
	return *(int *)arg;
}

__attribute__((constructor)) static void program(int argc, char **argv)
{
	int seven = 7;
	sigset_t mask;

	if (argc < 3 || strcmp(argv[1], "--as"))
		return;
	if (!strcmp(argv[2], "grandchild"))
		exit(pyq_pool_serve(functions, NULL, NULL) == -ENOTCONN ? 0 : 1);
	if (!strcmp(argv[2], "failing"))
		exit(pyq_pool_serve(functions, fail, &seven));
	if (!strcmp(argv[2], "printing")) {
		printf("ready\n");
		exit(pyq_pool_serve(functions, NULL, NULL));
	}
	if (argc > 3) {
		told = atoi(argv[3]);
		fcntl(told, F_SETFD, FD_CLOEXEC);
	}
	if (pyq_pool_serve(functions, initialize, &seven))
		exit(1);
	/* No other signal is blocked than it says. */
	sigprocmask(SIG_BLOCK, NULL, &mask);
	if (sigismember(&mask, SIGUSR1) || !sigismember(&mask, SIGCHLD))
		exit(1);
	if (told >= 0)
		atexit(tell);
	exit(pyq_pool_serve(functions, NULL, NULL) == -ENOTCONN ? 0 : 1);
}

/* --- the host */

#define new_pool(...)                                                                             \
	({                                                                                        \
		struct pyq_pool_attr attr_ = { __VA_ARGS__ };                                     \
		pyq_pool *pool_ = NULL;                                                           \
		ASSERT_EQ(0, lib(pyq_pool_create(&pool_, &attr_)));                               \
		ASSERT_NE(NULL, pool_);                                                           \
		pool_;                                                                            \
	})

/* The int that a function returns for one, or an error. */
static int apply(pyq_pool *pool, const char *name, int arg)
{
	const struct pyq_task task = {
		.function = pyq_pool_function(pool, name),
		.arg = &arg,
		.len = sizeof(arg),
	};
	int result = 0;
	const ssize_t len = pyq_pool_apply(pool, &task, &result, sizeof(result));

	return len < 0 ? (int)len : len == sizeof(result) ? result : -EBADMSG;
}

static bool look_at(pyq_pool *pool, struct look *look)
{
	const struct pyq_task task = { .function = pyq_pool_function(pool, "look") };

	return pyq_pool_apply(pool, &task, look, sizeof(*look)) == sizeof(*look);
}

/* No child, and as many files as before. */
#define expect_nothing_left(files)                                                                \
	do {                                                                                      \
		EXPECT_EQ(-1, waitpid(-1, NULL, WNOHANG));                                        \
		EXPECT_EQ(ECHILD, errno);                                                         \
		EXPECT_EQ((files), count_files(getpid()));                                        \
	} while (0)

TEST(results)
{
	const int files = count_files(getpid());
	pyq_pool *pool = new_pool(AS("worker"), .workers = 2);
	int three = 3;
	pyq_result *r;

	for (int i = 0; i < 20; i++) {
		EXPECT_EQ(i * i, apply(pool, "square", i));
	}
	ASSERT_EQ(0, lib(pyq_pool_apply_async(
			     pool,
			     &(struct pyq_task){ .function = pyq_pool_function(pool, "refuse"),
						 .arg = &three,
						 .len = sizeof(three) },
			     PYQ_FOREVER, &r)));
	EXPECT_EQ(-ENOTEMPTY, lib(pyq_result_get(r, NULL, 0, LONG)));
	EXPECT_STREQ("there are 3 left", pyq_result_text(r));
	pyq_result_free(r);
	EXPECT_EQ(0, lib(pyq_pool_close(pool)));
	EXPECT_EQ(0, lib(pyq_pool_join(pool, LONG)));
	EXPECT_EQ(NULL, pyq_pool_broken(pool));
	EXPECT_EQ(0, lib(pyq_pool_destroy(pool)));
	expect_nothing_left(files);
}

TEST(maps)
{
	pyq_pool *pool = new_pool(AS("worker"), .workers = 2);
	int numbers[1000];
	struct pyq_items items = { .base = numbers, .size = sizeof(int), .n = 1000 };
	pyq_map *map;

	for (int i = 0; i < 1000; i++)
		numbers[i] = i;
	ASSERT_EQ(0, lib(pyq_pool_map(pool, pyq_pool_function(pool, "square"), &items, 0, &map)));
	for (int i = 0; i < 1000; i++) {
		const void *data = NULL;

		ASSERT_EQ(sizeof(int), pyq_map_get(map, i, &data));
		EXPECT_EQ(i * i, *(const int *)data);
	}
	EXPECT_EQ(0, pyq_map_free(map));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

/* A function is the workers', and known by name; what is not is nothing. */
TEST(functions_by_name)
{
	/* proves: pyq_pool_apply_async -EFAULT, pyq_pool_map_async -EFAULT */
	pyq_pool *pool = new_pool(AS("worker"), .workers = 1);
	const uintptr_t token = (uintptr_t)lib(pyq_pool_function(pool, "square"));
	struct pyq_task task = { .function = (pyq_function)(token + 1) };
	char long_name[300];
	pyq_map *map;
	pyq_result *r;

	memset(long_name, 's', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	EXPECT_NE(0, token);
	EXPECT_TRUE(!lib(pyq_pool_function(pool, "squar")));
	EXPECT_TRUE(!lib(pyq_pool_function(pool, "square2")));
	EXPECT_TRUE(!lib(pyq_pool_function(pool, "")));
	EXPECT_TRUE(!lib(pyq_pool_function(pool, long_name)));
	EXPECT_EQ(-EFAULT, lib(pyq_pool_apply_async(pool, &task, PYQ_NOWAIT, &r)));
	EXPECT_EQ(-EFAULT, lib(pyq_pool_map_async(pool, task.function, &(struct pyq_items){ .n = 0 },
						  0, &map)));
	/* Not the parent's, of which the child has no pool. */
	EXPECT_EQ(0, exit_status(in_child(pyq_pool_function(pool, "square") != NULL)));
	EXPECT_EQ(9, apply(pool, "square", 3));
	EXPECT_EQ(0, pyq_pool_destroy(pool));

	pool = new_pool(.workers = 1);
	EXPECT_TRUE(!lib(pyq_pool_function(pool, "square")));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

TEST(a_worker_dies_and_is_replaced)
{
	pyq_pool *pool = new_pool(AS("worker"), .workers = 1, .name = "Smith");
	struct pyq_task task = { .function = pyq_pool_function(pool, "die_once"),
				 .max_retries = 1 };
	struct pyq_pool_stat st;
	struct look first, second;
	int attempt = 0;

	ASSERT_TRUE(look_at(pool, &first));
	EXPECT_STREQ("Smith-1", first.name);
	EXPECT_EQ(7, first.initialized);
	EXPECT_EQ(-EOWNERDEAD, apply(pool, "die", 0));
	EXPECT_EQ(sizeof(attempt), pyq_pool_apply(pool, &task, &attempt, sizeof(attempt)));
	EXPECT_EQ(2, attempt);
	ASSERT_TRUE(look_at(pool, &second));
	EXPECT_STREQ("Smith-3", second.name);
	EXPECT_EQ(7, second.initialized);
	EXPECT_NE(first.pid, second.pid);
	/* The helper that made them is not this process. */
	EXPECT_EQ(first.parent, second.parent);
	EXPECT_NE(getpid(), first.parent);
	EXPECT_EQ(0, pyq_pool_stat(pool, &st));
	EXPECT_EQ(2, st.died);
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

TEST(other_attributes)
{
	pyq_pool *pool = new_pool(AS("worker"), .workers = 1, .max_tasks = 2, .max_message = 2000);
	struct pyq_task task = { .function = pyq_pool_function(pool, "wait_for_ever"),
				 .timeout = 1000000 };
	struct look look[3];
	char bytes[2001] = { 0 };

	for (int i = 0; i < 3; i++) {
		ASSERT_TRUE(look_at(pool, &look[i]));
	}
	EXPECT_EQ(look[0].pid, look[1].pid);
	EXPECT_NE(look[1].pid, look[2].pid);
	EXPECT_EQ(-ETIME, pyq_pool_apply(pool, &task, NULL, 0));
	task = (struct pyq_task){ .function = pyq_pool_function(pool, "square"),
				  .arg = bytes,
				  .len = sizeof(bytes) };
	EXPECT_EQ(-E2BIG, pyq_pool_apply(pool, &task, NULL, 0));
	EXPECT_EQ(16, apply(pool, "square", 4));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

TEST(initializer_fails)
{
	pyq_pool *pool = new_pool(AS("failing"), .workers = 2);

	EXPECT_EQ(-EOWNERDEAD, apply(pool, "square", 1));
	ASSERT_NE(NULL, pyq_pool_broken(pool));
	EXPECT_NE(NULL, strstr(pyq_pool_broken(pool), "exited with status 7"));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

/* --- threads of the host */


/* pyq_pool_create() and the worker while another thread holds all that the worker needs. */
static void *hold_locks(void *arg)
{
	pyq_queue **q = arg;
	char c;

	pthread_mutex_lock(&mutex);
	flockfile(stdout);
	pyq_put(q[0], "x", 1, PYQ_FOREVER);
	pyq_get(q[1], &c, 1, PYQ_FOREVER);
	funlockfile(stdout);
	pthread_mutex_unlock(&mutex);
	return NULL;
}

TEST(a_thread_holds_locks)
{
	pyq_queue *q[2] = { new_queue(.maxsize = 1), new_queue(.maxsize = 1) };
	struct pyq_pool_attr attr = { AS("worker"), .workers = 1 };
	pyq_pool *pool = NULL;
	int err, result = 0;
	pthread_t thread;
	char c;

	ASSERT_EQ(0, pthread_create(&thread, NULL, hold_locks, q));
	ASSERT_EQ(1, pyq_get(q[0], &c, 1, LONG));
	/* Nothing is asserted meanwhile: that prints. */
	err = pyq_pool_create(&pool, &attr);
	if (!err)
		result = apply(pool, "take_locks", 0);
	pyq_put(q[1], "x", 1, LONG);
	pthread_join(thread, NULL);
	EXPECT_EQ(0, err);
	EXPECT_EQ(1, result);
	EXPECT_EQ(0, pyq_pool_destroy(pool));
	pyq_close(q[0]);
	pyq_close(q[1]);
}

static bool busy;

static void *be_busy(void *arg)
{
	FILE *null = fopen("/dev/null", "w");

	(void)arg;
	while (null && __atomic_load_n(&busy, __ATOMIC_RELAXED)) {
		free(malloc(100));
		fprintf(null, "%d\n", 1);
	}
	if (null)
		fclose(null);
	return NULL;
}

static void *make_one(void *arg)
{
	struct pyq_pool_attr attr = { AS("worker"), .workers = 1 };
	pyq_pool *pool;

	(void)arg;
	for (int i = 0; i < 4; i++) {
		int err = pyq_pool_create(&pool, &attr);

		if (!err && apply(pool, "square", i) != i * i)
			err = -EIO;
		pyq_pool_destroy(pool);
		if (err)
			return (void *)(intptr_t)err;
	}
	return NULL;
}

/*
 * And several make pools at a time: no program has the other's files. ThreadSanitizer does not
 * see that liburing unmaps a ring, and takes the next one at that address for the same.
 */
#ifdef __SANITIZE_THREAD__
#define MAKERS 1
#else
#define MAKERS 2
#endif

TEST(threads_are_busy)
{
	const int files = count_files(getpid());
	pthread_t threads[4];
	void *ret;

	busy = true;
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, i < MAKERS ? make_one : be_busy, NULL));
	}
	for (int i = 0; i < 4; i++) {
		if (i == MAKERS)
			__atomic_store_n(&busy, false, __ATOMIC_RELAXED);
		pthread_join(threads[i], &ret);
		EXPECT_EQ(NULL, ret);
	}
	expect_nothing_left(files);
}

/* --- nothing too much, and nothing left */

TEST(files)
{
	pyq_pool *pool = new_pool(AS("worker"), .workers = 1);
	struct look first, last;

	ASSERT_TRUE(look_at(pool, &first));
	EXPECT_FALSE(first.strange);
	EXPECT_FALSE(first.has_variable);
	/* Those that this process lets all programs have. */
	for (int fd = 0; fd < 1024; fd++) {
		if (first.inherited[fd]) {
			EXPECT_EQ(0, fcntl(fd, F_GETFD))
				TH_LOG("%d", fd);
		}
	}
	EXPECT_EQ(0, apply(pool, "execute", 0));
	for (int i = 0; i < 5; i++) {
		EXPECT_EQ(-EOWNERDEAD, apply(pool, "die", 0));
	}
	ASSERT_TRUE(look_at(pool, &last));
	EXPECT_NE(first.pid, last.pid);
	EXPECT_EQ(first.files, last.files);
	EXPECT_EQ(first.helpers, last.helpers);
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

/* An end of a pipe that programs inherit; all have ended when the other one says so. */
struct witness {
	int fd;
	char number[12];
	int theirs;
};

static int call_witness(struct witness *w)
{
	int ends[2];

	if (pipe(ends))
		return -errno;
	w->fd = ends[0];
	w->theirs = ends[1];
	fcntl(w->fd, F_SETFD, FD_CLOEXEC);
	snprintf(w->number, sizeof(w->number), "%d", w->theirs);
	return 0;
}

/* Return: how many of them have got as far as atexit(); -1: some have not ended. */
static int ask_witness(struct witness *w)
{
	struct pollfd pfd = { .fd = w->fd, .events = POLLIN };
	int n = 0;
	char c;

	while (poll(&pfd, 1, 20000) == 1) {
		if (read(w->fd, &c, 1) != 1) {
			close(w->fd);
			return n;
		}
		n++;
	}
	return -1;
}

TEST(the_program_goes_on_when_the_pool_has_ended)
{
	struct witness w;
	pyq_pool *pool;

	ASSERT_EQ(0, call_witness(&w));
	pool = new_pool(AS("worker", w.number), .workers = 2);
	close(w.theirs);
	EXPECT_EQ(4, apply(pool, "square", 2));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
	EXPECT_EQ(1, ask_witness(&w));
}

/* Into a file: its workers do not print it again when they end. */
TEST(the_program_has_printed)
{
	struct printed printed;
	pyq_pool *pool;

	ASSERT_TRUE(print_there(&printed));
	pool = new_pool(AS("printing"), .workers = 3);
	EXPECT_EQ(4, apply(pool, "square", 2));
	EXPECT_EQ(0, pyq_pool_close(pool));
	EXPECT_EQ(0, pyq_pool_join(pool, LONG));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
	EXPECT_EQ(1, times_printed(&printed, "ready\n"));
}

static int host(const char *number, pyq_queue *q)
{
	struct pyq_pool_attr attr = { AS("worker", (char *)number), .workers = 2 };
	struct pyq_task task;
	pyq_pool *pool;

	if (pyq_pool_create(&pool, &attr))
		return 1;
	task = (struct pyq_task){ .function = pyq_pool_function(pool, "wait_for_ever") };
	if (pyq_pool_apply_async(pool, &task, PYQ_NOWAIT, NULL) || apply(pool, "square", 1) != 1)
		return 1;
	pyq_put(q, "x", 1, LONG);
	for (;;)
		pause();
}

/* Workers end, the program's main() goes on. */
TEST(the_host_is_killed)
{
	pyq_queue *q = new_queue(.maxsize = 1);
	struct witness w;
	pid_t pid;
	char c;

	ASSERT_EQ(0, call_witness(&w));
	pid = in_child(host(w.number, q));
	close(w.theirs);
	ASSERT_EQ(1, pyq_get(q, &c, 1, LONG));
	kill(pid, SIGKILL);
	EXPECT_EQ(128 + SIGKILL, exit_status(pid));
	EXPECT_EQ(1, ask_witness(&w));
	pyq_close(q);
}

/* The program is killed: its workers end, and the pool says so. */
TEST(the_helper_is_killed)
{
	struct witness w;
	struct look look;
	pyq_pool *pool;

	ASSERT_EQ(0, call_witness(&w));
	pool = new_pool(AS("worker", w.number), .workers = 2);
	close(w.theirs);
	ASSERT_TRUE(look_at(pool, &look));
	kill(look.parent, SIGKILL);
	EXPECT_EQ(-EOWNERDEAD, apply(pool, "wait_for_ever", 0));
	EXPECT_NE(NULL, pyq_pool_broken(pool));
	EXPECT_EQ(0, ask_witness(&w));
	EXPECT_EQ(0, pyq_pool_destroy(pool));
}

TEST_HARNESS_MAIN
