// SPDX-License-Identifier: MIT
/* Processes: whether and how they have ended. */
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "generation.h"
#include "process.h"

/* So many processes need no memory. */
#define FEW 64

static uint32_t state_of(const struct pyq_process *p)
{
	return __atomic_load_n(&p->priv.state, __ATOMIC_ACQUIRE);
}

static void set_state(struct pyq_process *p, uint32_t state)
{
	__atomic_store_n(&p->priv.state, state, __ATOMIC_RELEASE);
}

static bool is_self(const struct pyq_process *p)
{
	return p == pyq_process_current();
}

/* Has this process started it? Return: 0, -EINVAL or -ECHILD. */
static int started_here(const struct pyq_process *p)
{
	if (is_self(p))
		return -ECHILD;
	if (state_of(p) < PYQI_RUNNING)
		return -EINVAL;
	return pyqi_generation_is(p->priv.generation) ? 0 : -ECHILD;
}

static void look(struct pyq_process *p)
{
	siginfo_t info = { .si_pid = 0 };

	/* Also if the program has closed what is not its own: there will be no other news. */
	if (waitid(PYQI_P_PIDFD, (id_t)p->priv.pidfd, &info, WEXITED | WNOHANG)) {
		set_state(p, PYQI_LOST);
	} else if (info.si_pid) {
		p->priv.code = info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
		set_state(p, PYQI_ENDED);
	}
}

/*
 * Has it ended, as far as this process can know? One at a time, for the second who
 * waits for a child is told that there is none.
 */
static bool has_ended(struct pyq_process *p)
{
	if (state_of(p) != PYQI_RUNNING)
		return true;
	pthread_mutex_lock(&pyqi_process->lock);
	if (state_of(p) == PYQI_RUNNING)
		look(p);
	pthread_mutex_unlock(&pyqi_process->lock);
	return state_of(p) != PYQI_RUNNING;
}

/*
 * Those that may run, in order: poll() takes no more than a process may have files, and
 * of a long list that may be few.
 *
 * Return: how many; 0: @which is known to have ended; or an error of it.
 */
static ssize_t prepare(struct pyq_process *const *list, size_t n, size_t *which,
		       struct pollfd *pfds)
{
	size_t running = 0, ended = n;

	for (size_t i = 0; i < n; i++) {
		int err;

		if (!list[i])
			continue;
		err = is_self(list[i]) ? -EDEADLK : started_here(list[i]);
		if (err) {
			*which = i;
			return err;
		}
		if (state_of(list[i]) == PYQI_RUNNING)
			pfds[running++] = (struct pollfd){ list[i]->priv.pidfd, POLLIN, 0 };
		else if (ended == n)
			ended = i;
	}
	if (ended == n)
		return running ? (ssize_t)running : -EINVAL;
	*which = ended;
	return 0;
}

/* @pfds are of all in @list. Return: whether one has, @which. */
static bool find_ended(struct pyq_process *const *list, size_t n, size_t *which,
		       const struct pollfd *pfds)
{
	for (size_t i = 0; i < n; i++) {
		if (list[i] && (pfds++)->revents && has_ended(list[i])) {
			*which = i;
			return true;
		}
	}
	return false;
}

/* One that a debugger has to look at first: its parent is told a little early. */
static void let_others_look(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
}

static int wait_for_any(struct pyq_process *const *list, size_t n, size_t *which, uint64_t deadline,
			struct pollfd *pfds)
{
	const ssize_t running = prepare(list, n, which, pfds);

	if (running <= 0)
		return (int)running;
	for (;;) {
		const int ret = pyqi_poll_until(pfds, (size_t)running, deadline);
		const bool over = pyqi_now() >= deadline;

		if (ret < 0)
			return ret;
		/* Also after the time is over: success comes first. */
		if (find_ended(list, n, which, pfds))
			return 0;
		if (over)
			return deadline == PYQI_NOWAIT ? -EAGAIN : -ETIMEDOUT;
		let_others_look();
	}
}

int pyq_process_wait(struct pyq_process *const *list, size_t n, int64_t timeout, size_t *which)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	struct pollfd few[FEW], *pfds = few;
	uint64_t deadline;
	int ret = pyqi_deadline(timeout, &deadline);

	if (ret)
		return ret;
	if (n > FEW) {
		pfds = calloc(n, sizeof(*pfds));
		if (!pfds)
			return -ENOMEM;
	}
	ret = wait_for_any(list, n, which, deadline, pfds);
	if (pfds != few)
		free(pfds);
	return ret;
}

int pyq_process_join(struct pyq_process *p, int64_t timeout)
{
	size_t which;

	return pyq_process_wait(&p, 1, timeout, &which);
}

bool pyq_process_is_alive(struct pyq_process *p)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;

	return is_self(p) || (!started_here(p) && !has_ended(p));
}

int pyq_process_exitcode(struct pyq_process *p, int *code)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err = is_self(p) ? -EAGAIN : started_here(p);

	if (err)
		return err;
	if (!has_ended(p))
		return -EAGAIN;
	if (state_of(p) == PYQI_LOST)
		return -ECHILD;
	*code = p->priv.code;
	return 0;
}

static int send_signal(struct pyq_process *p, int sig)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err = started_here(p);

	if (err || has_ended(p))
		return err;
	if (!syscall(SYS_pidfd_send_signal, p->priv.pidfd, sig, NULL, 0) || errno == ESRCH)
		return 0;
	return -errno;
}

int pyq_process_terminate(struct pyq_process *p)
{
	return send_signal(p, SIGTERM);
}

int pyq_process_kill(struct pyq_process *p)
{
	return send_signal(p, SIGKILL);
}

int pyq_process_sentinel(const struct pyq_process *p)
{
	int err = started_here(p);

	if (err)
		return err;
	return p->priv.pidfd < 0 ? -EINVAL : p->priv.pidfd;
}

int pyq_process_close(struct pyq_process *p)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err;

	if (state_of(p) == PYQI_NEW)
		return 0;
	err = started_here(p);
	if (err)
		return err;
	if (!has_ended(p))
		return -EBUSY;
	if (p->priv.pidfd >= 0)
		close(p->priv.pidfd);
	p->priv.pidfd = -1;
	return 0;
}
