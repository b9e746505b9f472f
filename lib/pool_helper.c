// SPDX-License-Identifier: MIT
/*
 * The helper: one small process, of one thread, between the program and its workers. It
 * forks them, learns of their deaths, tells the program, and replaces them.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "descriptor.h"
#include "pool.h"

/* So often a worker's initializer fails at one place, one after the other. */
#define INITIALIZER_TRIES 3

/* So often, and after so many nanoseconds, one is forked again where there is none. */
#define FORK_TRIES 10
#define FORK_AGAIN 50000000

/* So long he who is to be stopped may take for it: a debugger, or a disk, can keep him from it. */
#define STANDSTILL 1000000000

/*
 * What the helper knows of a worker that nobody else does; or not otherwise than from the table,
 * where a worker may have written whatever it likes.
 */
struct place {
	pid_t pid;		      /* 0: there is none */
	enum pyqi_pool_reason reason; /* why it has been killed */
	enum pyqi_pool_reason why;    /* why it is to be, if it is at @task */
	uint64_t task;		      /* what it has been stopped for, or 0 */
	uint64_t patience;	      /* until when its standstill is waited for */
	unsigned int failures;	      /* of the initializer, in a row */
	unsigned int number;	      /* for its name */
};

struct helper {
	const struct pyqi_pool_common *c;
	struct place *places;
	int orders, parent, children;
	uint32_t alive, target; /* as the table says, too */
	unsigned int names;
	unsigned int forks_failed; /* in a row */
	uint64_t fork_again;	   /* when that is tried again, or PYQI_FOREVER */
	bool ending, orphan;
	sigset_t mask;
};

/* --- workers --------------------------------------------------------------------------- */

__attribute__((noreturn)) static void be_worker(const struct helper *h, uint32_t n, pid_t helper)
{
	const struct pyqi_pool_common *c = h->c;
	char name[16];
	int code;

	/* The helper is gone: then so is the pool. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != helper)
		_exit(1);
	close(h->orders);
	close(h->parent);
	close(h->children);
	sigprocmask(SIG_SETMASK, &h->mask, NULL);
	snprintf(name, sizeof(name), "%s-%u", c->name, h->places[n].number);
	prctl(PR_SET_NAME, name);
	code = c->attr.initializer ? c->attr.initializer(c->attr.initializer_arg) : 0;
	/* Who has become another user by that has no such signal any more. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != helper)
		_exit(1);
	if (!code)
		code = pyqi_pool_work(c, n);
	fflush(stdout);
	fflush(stderr);
	_exit(code ? code & 0xff ? code & 0xff : 1 : 0);
}

static void set_alive(struct helper *h, uint32_t alive)
{
	h->alive = alive;
	__atomic_store_n(&h->c->table->alive, alive, __ATOMIC_SEQ_CST);
}

static int spawn(struct helper *h)
{
	struct pyqi_pool_worker *workers = h->c->table->workers;
	const pid_t helper = getpid();
	uint32_t n = 0;
	pid_t pid;

	while (n < h->c->most && h->places[n].pid)
		n++;
	if (n == h->c->most)
		return 0;
	workers[n].task = 0;
	workers[n].deadline = 0;
	workers[n].ready = 0;
	workers[n].left = 0;
	h->places[n] = (struct place){
		.reason = PYQI_POOL_BY_ITSELF,
		.failures = h->places[n].failures,
		.number = ++h->names,
	};
	pid = fork();
	if (!pid)
		be_worker(h, n, helper);
	if (pid < 0)
		return -errno;
	h->places[n].pid = pid;
	__atomic_store_n(&workers[n].pid, pid, __ATOMIC_SEQ_CST);
	set_alive(h, h->alive + 1);
	return 0;
}

static void kill_all(const struct helper *h)
{
	for (uint32_t n = 0; n < h->c->most; n++)
		if (h->places[n].pid)
			kill(h->places[n].pid, SIGKILL);
}

static void end(struct helper *h)
{
	h->ending = true;
	kill_all(h);
}

/* If that cannot be done the program waits in vain: it sees this one's death. */
static void check_told(const struct helper *h, int err)
{
	if (!err)
		return;
	kill_all(h);
	_exit(1);
}

/* With workers the pool goes on; without one it waits for some time. */
static void no_process(struct helper *h, int err)
{
	const struct pyqi_pool_news_msg news = {
		.news = PYQI_POOL_BROKEN,
		.reason = (uint32_t)-err,
	};

	h->fork_again = pyqi_now() + FORK_AGAIN;
	if (h->alive)
		h->forks_failed = 0;
	else if (++h->forks_failed == FORK_TRIES) {
		check_told(h, pyqi_pool_tell(h->c, &news));
		end(h);
	}
}

/* As many as there are to be, if there can be; those that are about to end not counted. */
static void fill(struct helper *h)
{
	struct pyqi_pool_table *t = h->c->table;

	if (h->fork_again != PYQI_FOREVER && pyqi_now() < h->fork_again)
		return;
	h->fork_again = PYQI_FOREVER;
	while (!h->ending && !__atomic_load_n(&t->closed, __ATOMIC_SEQ_CST) &&
	       h->alive < h->target + __atomic_load_n(&t->spare, __ATOMIC_SEQ_CST)) {
		const uint32_t before = h->alive;
		const int err = spawn(h);

		if (err)
			no_process(h, err);
		if (h->alive == before)
			break;
		h->forks_failed = 0;
	}
}

/* --- their deaths ------------------------------------------------------------------------ */

static void has_died(struct helper *h, uint32_t n, int status)
{
	struct pyqi_pool_worker *w = &h->c->table->workers[n];
	struct place *place = &h->places[n];

	/* Killed without having stood still, and meanwhile it had gone on to another task. */
	if (w->task != place->task)
		place->reason = PYQI_POOL_BY_ITSELF;
	check_told(h, pyqi_pool_tell_of_death(h->c, n, status, place->reason));
	/* Perhaps it was about to. */
	pyqi_pool_tell_of_room(h->c);
	place->failures = w->ready ? 0 : place->failures + 1;
	if (!w->left && place->reason == PYQI_POOL_BY_ITSELF && !h->ending)
		__atomic_add_fetch(&h->c->table->died, 1, __ATOMIC_SEQ_CST);
	if (place->failures == INITIALIZER_TRIES && !h->ending) {
		const struct pyqi_pool_news_msg news = {
			.news = PYQI_POOL_BROKEN,
			.status = status,
			.pid = place->pid,
		};

		check_told(h, pyqi_pool_tell(h->c, &news));
		end(h);
	}
	/* One of those too many need not end any more. */
	if (!w->left)
		pyqi_pool_is_spare(h->c);
	place->pid = 0;
	set_alive(h, h->alive - 1);
	__atomic_store_n(&w->pid, 0, __ATOMIC_SEQ_CST);
}

static void reap(struct helper *h)
{
	struct signalfd_siginfo info[8];
	int status;
	pid_t pid;

	while (read(h->children, info, sizeof(info)) > 0)
		;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (uint32_t n = 0; n < h->c->most; n++)
			if (h->places[n].pid == pid)
				has_died(h, n, status);
}

/* --- what ends a task ---------------------------------------------------------------------- */

/*
 * He who has been stopped: is he to be killed? Once he stands still it is seen whether he still is
 * at that task, and no other one dies for it. Who does not stand still is killed all the same.
 */
static void judge(struct helper *h, uint32_t n)
{
	const struct pyqi_pool_worker *w = &h->c->table->workers[n];
	struct place *place = &h->places[n];
	siginfo_t info = { .si_pid = 0 };
	const bool known =
		!waitid(P_PID, (id_t)place->pid, &info, WSTOPPED | WEXITED | WNOWAIT | WNOHANG) &&
		info.si_pid;

	if (known && info.si_code != CLD_STOPPED) {
		place->task = 0; /* dead: that will be seen */
	} else if (known || pyqi_now() >= place->patience) {
		if (__atomic_load_n(&w->task, __ATOMIC_SEQ_CST) == place->task) {
			place->reason = place->why;
			kill(place->pid, SIGKILL);
		} else {
			place->task = 0;
			kill(place->pid, SIGCONT);
		}
	}
}

/* Kill who is at that task; but not at once, and that is not waited for here. */
static void stop(struct helper *h, uint32_t n, uint64_t task, enum pyqi_pool_reason reason)
{
	struct place *place = &h->places[n];

	if (!place->pid || place->reason != PYQI_POOL_BY_ITSELF || kill(place->pid, SIGSTOP))
		return;
	place->task = task;
	place->why = reason;
	place->patience = pyqi_now() + STANDSTILL;
	judge(h, n);
}

static void stop_task(struct helper *h, uint64_t task)
{
	for (uint32_t n = 0; n < h->c->most; n++)
		if (__atomic_load_n(&h->c->table->workers[n].task, __ATOMIC_SEQ_CST) == task)
			stop(h, n, task, PYQI_POOL_CANCELLED);
}

static bool is_being_stopped(const struct place *place)
{
	return place->pid && place->task && place->reason == PYQI_POOL_BY_ITSELF;
}

/* Return: when the next one is to be looked at. */
static uint64_t stop_late_ones(struct helper *h)
{
	uint64_t first = PYQI_FOREVER;

	for (uint32_t n = 0; n < h->c->most; n++) {
		const struct pyqi_pool_worker *w = &h->c->table->workers[n];
		struct place *place = &h->places[n];
		const uint64_t task = __atomic_load_n(&w->task, __ATOMIC_SEQ_CST);
		const uint64_t deadline = __atomic_load_n(&w->deadline, __ATOMIC_ACQUIRE);
		const uint64_t now = pyqi_now();

		if (!place->pid || place->reason != PYQI_POOL_BY_ITSELF)
			continue;
		if (is_being_stopped(place))
			judge(h, n);
		if (deadline && deadline <= now && place->task != task)
			stop(h, n, task, PYQI_POOL_TOO_LONG);
		else if (deadline > now && deadline < first)
			first = deadline;
		if (is_being_stopped(place) && place->patience < first)
			first = place->patience;
	}
	return first;
}

/* --- orders ---------------------------------------------------------------------------- */

static void resize(struct helper *h, uint32_t workers)
{
	struct pyqi_pool_table *t = h->c->table;
	const struct pyqi_pool_job_msg quit = { .job = PYQI_POOL_QUIT };

	h->target = workers;
	__atomic_store_n(&t->target, workers, __ATOMIC_SEQ_CST);
	/* Those that were to end stay, as far as they have not. */
	__atomic_store_n(&t->spare, 0, __ATOMIC_SEQ_CST);
	for (uint32_t n = workers; n < h->alive; n++) {
		__atomic_add_fetch(&t->spare, 1, __ATOMIC_SEQ_CST);
		pyq_put(h->c->tasks, &quit, sizeof(quit), PYQ_NOWAIT);
	}
}

static void obey(struct helper *h)
{
	struct pyqi_pool_order_msg order;
	ssize_t n = recv(h->orders, &order, sizeof(order), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != sizeof(order))
		order.order = PYQI_POOL_TERMINATE;
	switch ((enum pyqi_pool_order)order.order) {
	case PYQI_POOL_RESIZE:
		resize(h, order.index);
		break;
	case PYQI_POOL_STOP:
		stop_task(h, (uint64_t)order.serial << 32 | (order.index + 1));
		break;
	case PYQI_POOL_TERMINATE:
		end(h);
		break;
	}
}

/* --- its life ---------------------------------------------------------------------------- */

/* What comes from a terminal, or is the program's business, is not the workers' death. */
static void begin(struct helper *h, const sigset_t *mask)
{
	static const int ignored[] = { SIGINT, SIGQUIT, SIGHUP, SIGPIPE, SIGTSTP };
	sigset_t child, all;

	for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
		signal(ignored[i], SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	/* The program's handlers have no business here. */
	sigfillset(&all);
	sigdelset(&all, SIGTERM);
	sigprocmask(SIG_SETMASK, &all, &h->mask);
	if (mask)
		h->mask = *mask;
	sigdelset(&h->mask, SIGCHLD);
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	h->children = pyqi_opened(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
	prctl(PR_SET_NAME, "pool helper");
}

static bool is_over(const struct helper *h)
{
	return !h->alive && (h->ending || __atomic_load_n(&h->c->table->closed, __ATOMIC_SEQ_CST));
}

static void look(struct helper *h)
{
	struct pollfd fds[] = {
		{ .fd = h->parent, .events = POLLIN },
		/* There is none after the last one, and its other end may be closed. */
		{ .fd = h->ending ? -1 : h->orders, .events = POLLIN },
		{ .fd = h->children, .events = POLLIN },
		{ .fd = h->c->wake, .events = POLLIN },
	};
	const uint64_t late = stop_late_ones(h), now = pyqi_now();
	const uint64_t next = late < h->fork_again ? late : h->fork_again;
	const uint64_t ns = next > now ? next - now : 0;
	const struct timespec timeout = {
		.tv_sec = (time_t)(ns / 1000000000),
		.tv_nsec = (long)(ns % 1000000000),
	};
	uint64_t times;

	if (ppoll(fds, 4, next == PYQI_FOREVER ? NULL : &timeout, NULL) < 0)
		return;
	if (fds[0].revents) {
		kill_all(h);
		h->orphan = true;
		return;
	}
	if (fds[1].revents)
		obey(h);
	if (fds[2].revents)
		reap(h);
	if (fds[3].revents && read(h->c->wake, &times, sizeof(times)) < 0)
		return;
}

int pyqi_pool_help(const struct pyqi_pool_common *c, int orders, int parent, const sigset_t *mask)
{
	const struct pyqi_pool_news_msg gone = { .news = PYQI_POOL_GONE };
	struct helper h = {
		.c = c,
		.orders = orders,
		.parent = parent,
		.target = c->table->target,
		.fork_again = PYQI_FOREVER,
	};
	int code = 0;

	h.places = calloc(c->most, sizeof(*h.places));
	/* The queues now: later there may be no file, or memory, for that. */
	if (!h.places || pyq_qsize(c->news) < 0 || pyq_qsize(c->tasks) < 0)
		return 1;
	begin(&h, mask);
	/* It would see no death, and the program no end. */
	if (h.children < 0)
		h.orphan = true;
	while (!is_over(&h) && !h.orphan) {
		fill(&h);
		if (!is_over(&h))
			look(&h);
	}
	if (!h.orphan)
		code = pyqi_pool_tell(c, &gone) != 0;
	if (h.children < 0)
		code = 1;
	else
		close(h.children);
	free(h.places);
	/* One that is a program of its own goes on. */
	if (!mask) {
		sigaddset(&h.mask, SIGCHLD);
		sigprocmask(SIG_SETMASK, &h.mask, NULL);
	}
	return code;
}
