// SPDX-License-Identifier: MIT
/* A pool's beginning, what it is asked for, and its end. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptor.h"
#include "pool.h"
#include "pool_exec.h"
#include "process.h"
#include "spin.h"

/* Each can have four times as many, and each of these is an owner of the queues. */
#define WORKERS_MAX 1000
#define QUEUE_MAX 65536
#define MESSAGE_MAX (63u << 20)

static unsigned int processors(void)
{
	cpu_set_t cpus;
	int n = sched_getaffinity(0, sizeof(cpus), &cpus) ? 1 : CPU_COUNT(&cpus);

	return n > 0 ? (unsigned int)n : 1;
}

static int check(const struct pyq_pool_attr *a)
{
	if (a->flags & ~(PYQ_POOL_THREADS | PYQ_POOL_NO_THREAD))
		return -EOPNOTSUPP;
	if (a->flags & PYQ_POOL_THREADS && a->timeout)
		return -EOPNOTSUPP;
	for (size_t i = 0; i < sizeof(a->reserved) / sizeof(a->reserved[0]); i++)
		if (a->reserved[i])
			return -EINVAL;
	if (a->argv &&
	    (!a->argv[0] || a->initializer || a->initializer_arg || a->flags & PYQ_POOL_THREADS))
		return -EINVAL;
	return a->workers > WORKERS_MAX || a->queue_size > QUEUE_MAX ||
			       a->max_message > MESSAGE_MAX || a->timeout < 0 ?
		       -EINVAL :
		       0;
}

static void fill_in(struct pyqi_pool_common *c, const struct pyq_pool_attr *attr)
{
	struct pyq_pool_attr *a = &c->attr;

	*a = attr ? *attr : (struct pyq_pool_attr){ .workers = 0 };
	if (!a->workers)
		a->workers = processors();
	if (!a->queue_size)
		a->queue_size = 1024;
	if (!a->max_message)
		a->max_message = (1u << 20) - PYQI_POOL_AROUND;
	snprintf(c->name, sizeof(c->name), "%s", a->name ? a->name : "Worker");
	a->name = c->name;
	c->most = a->workers * 4 > 64 ? a->workers * 4 : 64;
	if (a->flags & PYQ_POOL_THREADS)
		c->most = a->workers;
}

/* --- its parts ----------------------------------------------------------------------- */

static int make_queues(struct pyqi_pool_common *c)
{
	/* Each task under way has a message, and two pieces of news, at most. */
	struct pyq_attr attr = {
		.maxsize = (int64_t)c->attr.queue_size + c->most,
		.max_msg = c->attr.max_message + PYQI_POOL_AROUND,
		.backend = c->attr.backend,
	};
	int err = pyq_create(&c->tasks, &attr);

	if (err)
		return err;
	attr.maxsize = 2 * (int64_t)c->attr.queue_size + c->most + 16;
	return pyq_create(&c->news, &attr);
}

static int make_table(struct pyqi_pool_common *c)
{
	int flags = MAP_SHARED | MAP_ANONYMOUS;
	void *at;

	c->table_size = pyqi_pool_table_size(c->most, c->attr.queue_size);
	if (c->attr.argv) {
		c->table_fd = pyqi_pool_memfd(c->table_size);
		if (c->table_fd < 0)
			return c->table_fd;
		flags = MAP_SHARED;
	}
	at = mmap(NULL, c->table_size, PROT_READ | PROT_WRITE, flags, c->table_fd, 0);
	if (at == MAP_FAILED)
		return -ENOMEM;
	c->table = at;
	c->table->target = c->attr.workers;
	return 0;
}

static int make_lock(pyq_pool *pool)
{
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pool->ended_end = &pool->ended;
	pyqi_spin_begin(&pool->spinning, -1);
	return 0;
}

static int make_tasks(pyq_pool *pool)
{
	const uint32_t n = pool->common.attr.queue_size;

	pool->size = pool->common.attr.max_message + PYQI_POOL_AROUND;
	pool->tasks = calloc(n, sizeof(*pool->tasks));
	pool->buf = malloc(pool->size);
	pool->out = malloc(pool->size);
	if (!pool->tasks || !pool->buf || !pool->out)
		return -ENOMEM;
	for (uint32_t i = n; i--;) {
		pool->tasks[i].next_free = pool->free;
		pool->free = i + 1;
	}
	return 0;
}

/* --- workers ---------------------------------------------------------------------------- */

static int fork_helper(pyq_pool *pool, int orders, int parent)
{
	sigset_t all, before;
	int err;

	fflush(stdout);
	fflush(stderr);
	/* The program's handlers are not to run there, not even at its beginning. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pool->helper = fork();
	if (!pool->helper) {
		close(pool->orders);
		pool->copied = true;
		/* What other threads have printed meanwhile: no worker is to write it again. */
		__fpurge(stdout);
		__fpurge(stderr);
		_exit(pyqi_pool_help(&pool->common, orders, parent, &before));
	}
	err = pool->helper < 0 ? -errno : 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (err)
		return err;
	pool->helper_fd = pyqi_opened((int)syscall(SYS_pidfd_open, pool->helper, 0));
	return pool->helper_fd < 0 ? pool->helper_fd : 0;
}

static int make_helper(pyq_pool *pool)
{
	int sockets[2], parent, err;
	pid_t me = getpid();

	pool->common.wake = pyqi_opened(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (pool->common.wake < 0)
		return pool->common.wake;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets))
		return -errno;
	pool->orders = pyqi_opened(sockets[0]);
	sockets[1] = pyqi_opened(sockets[1]);
	/* Whose end the helper waits for. */
	parent = pyqi_opened((int)syscall(SYS_pidfd_open, me, 0));
	if (pool->orders < 0 || sockets[1] < 0 || parent < 0) {
		if (sockets[1] >= 0)
			close(sockets[1]);
		if (parent >= 0)
			close(parent);
		return pool->orders < 0 ? pool->orders : sockets[1] < 0 ? sockets[1] : parent;
	}
	err = pool->common.attr.argv ? pyqi_pool_exec(pool, sockets[1], parent) :
				       fork_helper(pool, sockets[1], parent);
	close(sockets[1]);
	close(parent);
	return err || !pool->common.attr.argv ? err : pyqi_pool_meet(pool);
}

/* --- its end --------------------------------------------------------------------------- */

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void join_threads(pyq_pool *pool)
{
	/* If the pool was not made after all they have not been told. */
	__atomic_store_n(&pool->common.table->closed, 1, __ATOMIC_SEQ_CST);
	pyq_shutdown(pool->common.tasks, true);
	for (unsigned int i = 0; i < pool->nr_threads; i++)
		pthread_join(pool->threads[i], NULL);
	pool->nr_threads = 0;
}

static void reap_helper(pyq_pool *pool)
{
	siginfo_t info;

	if (pool->helper <= 0)
		return;
	/* If the program has waited for all children its number may be another's. */
	while (waitid(pool->helper_fd >= 0 ? PYQI_P_PIDFD : P_PID,
		      (id_t)(pool->helper_fd >= 0 ? pool->helper_fd : pool->helper), &info,
		      WEXITED) < 0 &&
	       errno == EINTR)
		;
	pool->helper = 0;
}

/* All that is this process's. */
static void free_pool(pyq_pool *pool, bool ours)
{
	struct pyqi_pool_common *c = &pool->common;

	close_fd(pool->orders);
	if (ours) {
		if (pool->threads)
			join_threads(pool);
		reap_helper(pool);
		pthread_cond_destroy(&pool->changed);
		pthread_mutex_destroy(&pool->lock);
	}
	pyq_aio_destroy(pool->aio);
	pyq_close(c->tasks);
	pyq_close(c->news);
	if (c->table)
		munmap(c->table, c->table_size);
	close_fd(c->table_fd);
	close_fd(c->wake);
	close_fd(pool->helper_fd);
	close_fd(pool->poll_fd);
	free(pool->threads);
	free(pool->tasks);
	free(pool->known);
	free(pool->names);
	free(pool->buf);
	free(pool->out);
	free(pool);
}

static int make_all(pyq_pool *pool)
{
	int err = make_lock(pool);

	if (!err)
		err = make_tasks(pool);
	if (!err)
		err = make_table(&pool->common);
	if (!err)
		err = make_queues(&pool->common);
	if (!err && !pool->common.attr.argv)
		err = pyqi_pool_know(pool);
	if (!err)
		err = pool->common.attr.flags & PYQ_POOL_THREADS ? pyqi_pool_make_threads(pool) :
								   make_helper(pool);
	if (!err)
		err = pyq_aio_create(&pool->aio, 2, 0);
	if (!err)
		pool->aio_fd = err = pyq_aio_fd(pool->aio);
	if (err >= 0)
		pool->by_kernel = pool->common.news->backend == &pyqi_kernel;
	return err < 0 ? err : 0;
}

int pyqi_pool_order(const pyq_pool *pool, const struct pyqi_pool_order_msg *order)
{
	ssize_t ret;

	do
		ret = send(pool->orders, order, sizeof(*order), MSG_NOSIGNAL);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -EOWNERDEAD : 0;
}

int pyq_pool_create(pyq_pool **out, const struct pyq_pool_attr *attr)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const struct pyqi_pool_order_msg order = { .order = PYQI_POOL_TERMINATE };
	pyq_pool *pool;
	int err;

	*out = NULL;
	err = attr ? check(attr) : 0;
	if (!err)
		err = pyqi_process_begin();
	if (err)
		return err;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return -ENOMEM;
	pool->generation = pyqi_generation();
	pool->common.table_fd = -1;
	pool->common.wake = -1;
	pool->orders = -1;
	pool->helper_fd = -1;
	pool->poll_fd = -1;
	fill_in(&pool->common, attr);
	err = make_all(pool);
	if (!err) {
		*out = pool;
		return 0;
	}
	/* That the socket is closed it need not see: a child of another thread may have it. */
	if (pool->helper > 0)
		pyqi_pool_order(pool, &order);
	free_pool(pool, true);
	return err;
}

static bool is_gone(pyq_pool *pool, const void *arg)
{
	(void)arg;
	return pool->gone;
}

int pyq_pool_close(pyq_pool *pool)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	pyqi_pool_end_if_over(pool);
	pthread_mutex_unlock(&pool->lock);
	/* Who waits for room does so in vain. */
	pyqi_pool_nudge(pool);
	return 0;
}

int pyq_pool_terminate(pyq_pool *pool)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const struct pyqi_pool_order_msg order = { .order = PYQI_POOL_TERMINATE };

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	pthread_mutex_lock(&pool->lock);
	pool->closed = true;
	if (!pool->terminated) {
		pool->terminated = true;
		/* If the helper is gone, so is everybody. */
		if (!pool->threads)
			pyqi_pool_order(pool, &order);
		pyqi_pool_fail_all(pool, -ECANCELED, "the pool has been terminated");
	}
	pthread_mutex_unlock(&pool->lock);
	pyqi_pool_nudge(pool);
	return 0;
}

int pyq_pool_join(pyq_pool *pool, int64_t timeout)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	bool closed;
	int err;

	if (timeout < PYQ_FOREVER)
		return -EINVAL;
	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	/* Also if there is nothing to wait for any more: who ends it believes this. */
	if (pyqi_pool_is_led_by_me(pool))
		return -EDEADLK;
	pthread_mutex_lock(&pool->lock);
	closed = pool->closed;
	if (closed)
		pyqi_pool_enter(pool);
	pthread_mutex_unlock(&pool->lock);
	if (!closed)
		return -EBUSY;
	err = pyqi_pool_wait(pool, is_gone, NULL, timeout);
	pthread_mutex_lock(&pool->lock);
	if (!err && pool->broken[0])
		err = -EOWNERDEAD;
	pyqi_pool_leave(pool);
	pthread_mutex_unlock(&pool->lock);
	return err;
}

int pyq_pool_destroy(pyq_pool *pool)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	if (!pool)
		return 0;
	if (!pyqi_generation_is(pool->generation)) {
		/* A worker works by what it has of it. */
		if (!pool->copied)
			free_pool(pool, false);
		return 0;
	}
	pyq_pool_terminate(pool);
	if (pyqi_pool_is_led_by_me(pool))
		return -EDEADLK;
	pyq_pool_join(pool, PYQ_FOREVER);
	if (pool->has_own)
		pthread_join(pool->own, NULL);
	pyqi_pool_wait_for_others(pool);
	/* Callbacks of what has been ended just now. */
	pyqi_pool_look(pool);
	free_pool(pool, true);
	return 0;
}

/* --- what it is asked for ------------------------------------------------------------------ */

int pyq_pool_resize(pyq_pool *pool, unsigned int workers)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const struct pyqi_pool_order_msg order = { .order = PYQI_POOL_RESIZE, .index = workers };
	int err = 0;

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	if (pool->threads)
		return -EOPNOTSUPP;
	if (!workers || workers > pool->common.most)
		return -EINVAL;
	pthread_mutex_lock(&pool->lock);
	err = pyqi_pool_check_open(pool);
	if (!err)
		err = pyqi_pool_order(pool, &order);
	pthread_mutex_unlock(&pool->lock);
	return err;
}

int pyq_pool_process(pyq_pool *pool)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	return pyqi_pool_look(pool);
}

static int add_fd(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

/* Under the lock. */
static int make_poll_fd(pyq_pool *pool)
{
	int fd = pyqi_opened(epoll_create1(EPOLL_CLOEXEC));
	int err;

	if (fd < 0)
		return fd;
	err = add_fd(fd, pool->aio_fd);
	/* Once that is gone it is ready for ever. */
	if (!err && !pool->gone)
		err = add_fd(fd, pool->helper_fd);
	if (err) {
		close(fd);
		return err;
	}
	pool->poll_fd = fd;
	return fd;
}

int pyq_pool_fd(pyq_pool *pool)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int fd;

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	pthread_mutex_lock(&pool->lock);
	fd = pool->poll_fd >= 0 ? pool->poll_fd : make_poll_fd(pool);
	pthread_mutex_unlock(&pool->lock);
	return fd;
}

/* Under the lock: what a worker is at, and has not ended as far as the program knows. */
static bool runs(const pyq_pool *pool, uint32_t worker)
{
	const uint64_t task =
		__atomic_load_n(&pool->common.table->workers[worker].task, __ATOMIC_SEQ_CST);
	const uint32_t index = (uint32_t)task - 1, serial = (uint32_t)(task >> 32);

	return task && index < pool->common.attr.queue_size && pool->tasks[index].under_way &&
	       pool->tasks[index].serial == serial &&
	       __atomic_load_n(&pyqi_pool_words(&pool->common)[index], __ATOMIC_SEQ_CST) ==
		       pyqi_pool_word(serial, worker + 1, PYQI_POOL_RUNNING);
}

int pyq_pool_stat(pyq_pool *pool, struct pyq_pool_stat *st)
{
	const struct pyqi_pool_common *c = &pool->common;

	if (!pyqi_generation_is(pool->generation))
		return -ESTALE;
	pthread_mutex_lock(&pool->lock);
	*st = pool->stat;
	st->running = 0;
	for (unsigned int i = 0; i < c->most; i++)
		st->running += runs(pool, i);
	pthread_mutex_unlock(&pool->lock);
	st->died = __atomic_load_n(&c->table->died, __ATOMIC_SEQ_CST);
	st->workers = __atomic_load_n(&c->table->alive, __ATOMIC_SEQ_CST);
	if (pool->threads)
		st->workers -= __atomic_load_n(&c->table->spare, __ATOMIC_SEQ_CST);
	return 0;
}
