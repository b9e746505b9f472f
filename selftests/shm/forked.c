// SPDX-License-Identifier: GPL-2.0
/*
 * A thread makes, uses or closes a handle while another one forks: before and after
 * each call by which the first changes files, mappings, threads and locks. In this
 * build of the library it stops there until the child is there, or until whoever
 * forks has been found to wait for it.
 *
 * Wherever it was, the child keeps nothing by which its parent would look alive, has
 * all files that are its own and none of the library's, and can use queues.
 */
#include "../lib_test.h"

#include <semaphore.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define NAME "shm-forked"
#define NEW_NAME "shm-forked-new"
#define FILE_OF(name) "/dev/shm/pyqueue." name

/* --- a thread that stops ----------------------------------------------------- */

/* Which thread this is. */
static __thread bool walks, forks;

/* One process walks once. */
static unsigned int steps, stop_at;
static sem_t stopped, go_on;

/**
 * struct seen - what the test is told
 * @waited: how often whoever forked had to wait for the one who walks
 * @where: where that one has been stopped
 */
struct seen {
	unsigned int waited;
	char where[32];
};

static struct seen *seen;

static void step(const char *where)
{
	const int saved = errno;

	if (walks && ++steps == stop_at) {
		snprintf(seen->where, sizeof(seen->where), "%s()", where);
		sem_post(&stopped);
		sem_wait(&go_on);
	}
	errno = saved;
}

#define STEPPED(type, name, parameters, arguments)                           \
	type __real_##name parameters;                                       \
	type __wrap_##name parameters;                                       \
	type __wrap_##name parameters                                        \
	{                                                                    \
		type ret;                                                    \
									     \
		step("before " #name);                                       \
		ret = __real_##name arguments;                               \
		step("after " #name);                                        \
		return ret;                                                  \
	}

STEPPED(int, close, (int fd), (fd))
STEPPED(int, eventfd, (unsigned int value, int flags), (value, flags))
STEPPED(int, madvise, (void *at, size_t size, int advice), (at, size, advice))
STEPPED(void *, mmap, (void *at, size_t size, int prot, int flags, int fd, off_t offset),
	(at, size, prot, flags, fd, offset))
STEPPED(int, munmap, (void *at, size_t size), (at, size))
STEPPED(int, pthread_atfork, (void (*before)(void), void (*in_parent)(void), void (*in_child)(void)),
	(before, in_parent, in_child))
STEPPED(int, pthread_create, (pthread_t *thread, const pthread_attr_t *attr,
			      void *(*run)(void *), void *arg), (thread, attr, run, arg))
STEPPED(int, pthread_join, (pthread_t thread, void **result), (thread, result))
STEPPED(int, pthread_mutex_unlock, (pthread_mutex_t *lock), (lock))

/* One more argument, at most. */
#define STEPPED_VARIADIC(name, first_type, second_type)                      \
	int __real_##name(first_type first, second_type second, ...);        \
	int __wrap_##name(first_type first, second_type second, ...);        \
	int __wrap_##name(first_type first, second_type second, ...)         \
	{                                                                    \
		va_list list;                                                \
		void *third;                                                 \
		int ret;                                                     \
									     \
		va_start(list, second);                                      \
		third = va_arg(list, void *);                                \
		va_end(list);                                                \
		step("before " #name);                                       \
		ret = __real_##name(first, second, third);                   \
		step("after " #name);                                        \
		return ret;                                                  \
	}

/*
 * An allocator with a lock of its own, which a fork takes after the library's: it was
 * loaded later.
 */
static pthread_mutex_t heap = PTHREAD_MUTEX_INITIALIZER;

#define STEPPED_ALLOCATOR(type, name, parameters, arguments)                 \
	type __real_##name parameters;                                       \
	type __wrap_##name parameters;                                       \
	type __wrap_##name parameters                                        \
	{                                                                    \
		type ret;                                                    \
									     \
		step("before " #name);                                       \
		__real_pthread_mutex_lock(&heap);                            \
		ret = __real_##name arguments;                               \
		__real_pthread_mutex_unlock(&heap);                          \
		return ret;                                                  \
	}

int __real_pthread_mutex_lock(pthread_mutex_t *lock);

STEPPED_ALLOCATOR(void *, malloc, (size_t size), (size))
STEPPED_ALLOCATOR(void *, calloc, (size_t n, size_t size), (n, size))

void __real_free(void *at);
void __wrap_free(void *at);

void __wrap_free(void *at)
{
	step("before free");
	__real_pthread_mutex_lock(&heap);
	__real_free(at);
	__real_pthread_mutex_unlock(&heap);
}

static void lock_heap(void)
{
	__real_pthread_mutex_lock(&heap);
}

static void unlock_heap(void)
{
	__real_pthread_mutex_unlock(&heap);
}

STEPPED_VARIADIC(open, const char *, int)
STEPPED_VARIADIC(fcntl, int, int)

int __wrap_pthread_mutex_lock(pthread_mutex_t *lock);

/* Where a fork finds what it needs locked, the one who stands there has to go on. */
int __wrap_pthread_mutex_lock(pthread_mutex_t *lock)
{
	int ret;

	if (forks) {
		if (!pthread_mutex_trylock(lock))
			return 0;
		seen->waited++;
		forks = false; /* it has been let go */
		sem_post(&go_on);
	}
	step("before pthread_mutex_lock");
	ret = __real_pthread_mutex_lock(lock);
	step("after pthread_mutex_lock");
	return ret;
}

/* --- what is done meanwhile -------------------------------------------------- */

/**
 * struct walk - what a process does in one of its threads
 * @q: the handle that it has from its parent
 * @own: one of its own
 * @run: what is done, step by step: 0, or an error
 * @err: what @run has said
 */
struct walk {
	pyq_queue *q;
	pyq_queue *own;
	int (*run)(struct walk *walk);
	int err;
};

static int from_fd(struct walk *walk)
{
	return pyq_from_fd(&walk->own, dup(pyq_fd(walk->q)));
}

static int open_by_name(struct walk *walk)
{
	return pyq_open(&walk->own, NAME, 0);
}

static int create(struct walk *walk)
{
	return pyq_create(&walk->own, &(struct pyq_attr){ .maxsize = 1, .name = NEW_NAME,
							  .flags = PYQ_EXCL, .backend = "shm" });
}

static int polled(struct walk *walk)
{
	struct pollfd pfd;
	int err = pyq_pollfd(walk->own, PYQ_READ, &pfd);

	return err ? err : pyq_pollfd(walk->own, PYQ_WRITE, &pfd);
}

static int from_fd_and_polled(struct walk *walk)
{
	int err = from_fd(walk);

	return err ? err : polled(walk);
}

static int closed(struct walk *walk)
{
	pyq_close(walk->own);
	return 0;
}

/* In a child it makes the handle the child's. */
static int first_use(struct walk *walk)
{
	return pyq_qsize(walk->q) ? -1 : 0;
}

static void *walk_in_thread(void *arg)
{
	struct walk *walk = arg;

	walks = true;
	walk->err = walk->run(walk);
	walks = false;
	sem_post(&stopped);
	return NULL;
}

/* --- the processes ----------------------------------------------------------- */

/* How the one who forks ends; it is killed if all is well. */
enum {
	WELL = 128 + SIGKILL,
	NO_SUCH_STEP = 1,
	FAILED,
	CHILD_DIED,
	/* and what its child finds: */
	FILES_LOST,
	FILES_KEPT,
	NOT_USABLE,
	NOT_FORKABLE,
};

static const char *const texts[] = {
	[FAILED] = "the call itself has failed",
	[CHILD_DIED] = "the child has died, or hangs",
	[FILES_LOST] = "the child has lost files that were opened meanwhile",
	[FILES_KEPT] = "the child has an eventfd",
	[NOT_USABLE] = "the child cannot use queues",
	[NOT_FORKABLE] = "the child's own child has died",
	[WELL] = "nothing",
};

/* Seconds: far beyond what any of it takes, unless it hangs. */
#define HANGS 20

/* Files that the program opens meanwhile get the numbers that the library gives up. */
#define FILES 8

static bool is_eventfd(int fd)
{
	char path[64], text[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, text, sizeof(text) - 1) > 0 && strstr(text, "eventfd");
}

/* Who makes a child by clone() has it let go of its parent's when it uses its handle. */
static unsigned char look_around(pyq_queue *q, const int *files, bool cloned)
{
	pyq_queue *own;
	char byte;

	for (int i = 0; i < FILES; i++)
		if (fcntl(files[i], F_GETFD) < 0)
			return FILES_LOST;
	for (int fd = 0; fd < 256; fd++)
		if (!cloned && is_eventfd(fd))
			return FILES_KEPT;
	if (q && (pyq_put(q, "x", 1, PYQ_NOWAIT) || pyq_get(q, &byte, 1, PYQ_NOWAIT) != 1))
		return NOT_USABLE;
	pyq_close(q);
	if (pyq_create(&own, &(struct pyq_attr){ .maxsize = 1, .backend = "shm" }))
		return NOT_USABLE;
	pyq_close(own);
	return exit_status(fork() ?: (_exit(0), 0)) ? NOT_FORKABLE : WELL;
}

/* Lives on, for as long as the test holds the other end of @alive. */
static int child(pyq_queue *q, const int *files, bool cloned, int tell, const int *alive)
{
	unsigned char found;

	alarm(HANGS);
	found = look_around(q, files, cloned);
	close(alive[1]);
	return write(tell, &found, 1) != 1 || read(alive[0], &found, 1) != 0;
}

/* Forks while a thread of it stands at step @at, and dies when its child has looked around. */
static int parent(struct walk walk, unsigned int at, bool clones, const int *alive)
{
	int tell[2], files[FILES];
	pthread_t thread;
	unsigned char found;
	pid_t pid;

	alarm(HANGS + 5);
	stop_at = at;
	if (sem_init(&stopped, 0, 0) || sem_init(&go_on, 0, 0) || pipe(tell) ||
	    pthread_create(&thread, NULL, walk_in_thread, &walk))
		return FAILED;
	sem_wait(&stopped);
	if (steps < at)
		return walk.err ? FAILED : NO_SUCH_STEP;
	for (int i = 0; i < FILES; i++)
		files[i] = dup(walk.q ? pyq_fd(walk.q) : 0);

	if (__real_pthread_atfork(lock_heap, unlock_heap, unlock_heap))
		return FAILED;
	forks = true;
	pid = clones ? (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL) : fork();
	if (!pid) {
		forks = false;
		_exit(child(walk.q, files, clones, tell[1], alive));
	}
	if (forks)
		sem_post(&go_on);
	forks = false;
	if (pid < 0 || pthread_join(thread, NULL) || walk.err)
		return FAILED;

	close(tell[1]);
	if (read(tell[0], &found, 1) != 1)
		return CHILD_DIED;
	if (found != WELL)
		return found;
	return kill(getpid(), SIGKILL);
}

/* How many owner numbers of the queue in this file are held, each by a lock of one byte. */
static unsigned int owners_of(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1 };
	int fd = open(path, O_RDWR | O_CLOEXEC);
	unsigned int n = 0;

	while (fd >= 0 && lock.l_start < 4096) {
		lock.l_len = 4096 - lock.l_start;
		if (fcntl(fd, F_OFD_GETLK, &lock) || lock.l_type == F_UNLCK)
			break;
		n++;
		lock.l_start += lock.l_len;
		lock.l_type = F_WRLCK;
		lock.l_pid = 0;
	}
	if (fd >= 0)
		close(fd);
	return n;
}

FIXTURE(forked) {
	pyq_queue *q;
};

FIXTURE_VARIANT(forked) {
	int (*before)(struct walk *walk);
	int (*run)(struct walk *walk);
	bool first; /* the process has never had a queue */
	bool clones; /* without fork(), of which nobody is told */
};

FIXTURE_VARIANT_ADD(forked, first) { NULL, create, true };
FIXTURE_VARIANT_ADD(forked, from_fd) { NULL, from_fd };
FIXTURE_VARIANT_ADD(forked, open) { NULL, open_by_name };
FIXTURE_VARIANT_ADD(forked, create) { NULL, create };
FIXTURE_VARIANT_ADD(forked, first_use) { NULL, first_use };
FIXTURE_VARIANT_ADD(forked, poll) { from_fd, polled };
FIXTURE_VARIANT_ADD(forked, close) { from_fd, closed };
FIXTURE_VARIANT_ADD(forked, close_polled) { from_fd_and_polled, closed };
FIXTURE_VARIANT_ADD(forked, clone_first) { NULL, create, true, true };
FIXTURE_VARIANT_ADD(forked, clone_create) { NULL, create, false, true };
FIXTURE_VARIANT_ADD(forked, clone_first_use) { NULL, first_use, false, true };
FIXTURE_VARIANT_ADD(forked, clone_poll) { from_fd, polled, false, true };
FIXTURE_VARIANT_ADD(forked, clone_close_polled) { from_fd_and_polled, closed, false, true };

FIXTURE_SETUP(forked)
{
	ASSERT_EQ(0, setenv("PYQUEUE_BACKEND", "shm", 1));
	unlink(FILE_OF(NAME));
	unlink(FILE_OF(NEW_NAME));
	seen = mmap(NULL, sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		    -1, 0);
	ASSERT_NE(MAP_FAILED, seen);
	if (!variant->first)
		self->q = new_queue(.maxsize = 4, .payload = 48, .name = NAME);
}

FIXTURE_TEARDOWN(forked)
{
	pyq_close(self->q);
	unlink(FILE_OF(NAME));
	unlink(FILE_OF(NEW_NAME));
}

/* proves: promise fork-at-every-step */
TEST_F(forked, at_every_step)
{
	unsigned int at = 1;

	for (;; at++) {
		int alive[2], status;

		ASSERT_EQ(0, pipe(alive));
		status = exit_status(in_child(({
			struct walk walk = { .q = self->q, .run = variant->run };

			variant->before && variant->before(&walk) ? FAILED :
								    parent(walk, at, variant->clones, alive);
		})));
		if (status == NO_SUCH_STEP)
			break;
		EXPECT_EQ(WELL, status)
			TH_LOG("%s: %s", seen->where, status <= WELL ? texts[status] : "?");
		/* The one who forked is dead, and its child lives. */
		if (!variant->clones) {
			EXPECT_EQ(!variant->first, owners_of(FILE_OF(NAME)))
				TH_LOG("%s", seen->where);
			EXPECT_EQ(0, owners_of(FILE_OF(NEW_NAME))) TH_LOG("%s", seen->where);
		}
		close(alive[0]);
		close(alive[1]);
		unlink(FILE_OF(NEW_NAME));
	}
	TH_LOG("%u steps; %u forks had to wait", at - 1, seen->waited);
	/* It has been stopped also where nobody may fork. */
	EXPECT_EQ(variant->clones, !seen->waited);
}

TEST_HARNESS_MAIN
