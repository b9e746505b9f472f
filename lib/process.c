// SPDX-License-Identifier: MIT
/* Processes: how one is started, and what it is. */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "generation.h"
#include "process.h"

/*
 * The process that this one is. A child that it makes itself, by fork(), has these as
 * well, but not the number.
 */
static struct pyq_process *current;
static uint64_t current_generation;

/* How many have a number, and what comes before that: "1:2:", or nothing. */
static uint32_t last_number;
static char family[40];

static int check(const struct pyq_process *p)
{
	if (!p->argv == !(p->target || p->run) || (p->argv && !p->argv[0]))
		return -EINVAL;
	return p->nr_queues && (!p->argv || !p->queues) ? -EINVAL : 0;
}

static void give_number(struct pyq_process *p)
{
	pthread_mutex_lock(&pyqi_process->lock);
	if (!p->priv.text[0])
		snprintf(p->priv.text, sizeof(p->priv.text), "Process-%s%u", family, ++last_number);
	pthread_mutex_unlock(&pyqi_process->lock);
}

static int start(struct pyq_process *p, int cancel)
{
	uint32_t state = PYQI_NEW;
	int err;

	if (!__atomic_compare_exchange_n(&p->priv.state, &state, PYQI_STARTING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE))
		return -EALREADY;
	give_number(p);
	p->priv.generation = pyqi_generation();
	fflush(stdout);
	fflush(stderr);
	err = p->argv ? pyqi_process_exec(p, -1) : pyqi_process_fork(p, cancel);
	__atomic_store_n(&p->priv.state, err ? PYQI_NEW : PYQI_RUNNING, __ATOMIC_RELEASE);
	return err;
}

/* Before 5.4 nothing waits for a pidfd. There is no file of this number. */
static int check_kernel(void)
{
	siginfo_t info;

	if (!waitid(PYQI_P_PIDFD, INT_MAX, &info, WEXITED | WNOHANG) || errno != EINVAL)
		return 0;
	return -ENOSYS;
}

int pyq_process_start(struct pyq_process *p)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	int err = check(p);

	if (!err)
		err = check_kernel();
	if (!err)
		err = pyqi_process_begin();
	return err ? err : start(p, pyqi_cancel);
}

static void run_and_exit(void *process)
{
	struct pyq_process *p = process;
	const int code = p->run ? p->run(p) : p->target(p->arg);

	fflush(stdout);
	fflush(stderr);
	_exit(code & 0xff);
}

/*
 * The thread that this child's is a copy of may be about to be cancelled: that is the
 * parent's affair, but nothing takes it back here, and at the next cancellation point the
 * child would end with all that exit() does. So it runs in the handler of that instead.
 */
void pyqi_process_run(struct pyq_process *p, int cancel)
{
	current = p;
	current_generation = pyqi_generation();
	__atomic_store_n(&p->priv.pid, getpid(), __ATOMIC_RELAXED);
	snprintf(family, sizeof(family), "%.*s:", (int)sizeof(family) - 2,
		 p->priv.text + strlen("Process-"));
	last_number = 0;
	pthread_cleanup_push(run_and_exit, p);
	pyqi_restore_cancel(&cancel);
	pthread_testcancel();
	pthread_cleanup_pop(1);
	__builtin_unreachable();
}

uint32_t *pyqi_process_shared(void)
{
	void *word = mmap(NULL, sizeof(uint32_t), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return word == MAP_FAILED ? NULL : word;
}

void pyqi_process_unshare(uint32_t *word)
{
	munmap(word, sizeof(*word));
}

bool pyqi_process_orphan(pid_t parent)
{
	const pid_t now = getppid();

	return now && now != parent;
}

void pyqi_process_end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (pyqi_process_orphan(parent))
		_exit(128 + SIGKILL);
}

struct pyq_process *pyq_process_current(void)
{
	return current && pyqi_generation_is(current_generation) ? current : NULL;
}

pid_t pyq_process_pid(const struct pyq_process *p)
{
	return __atomic_load_n(&p->priv.pid, __ATOMIC_RELAXED);
}

const char *pyq_process_name(struct pyq_process *p)
{
	PYQI_KEEP_ERRNO;

	if (!p)
		return "MainProcess";
	if (p->name)
		return p->name;
	/* Where there is no such page nothing can be started either. */
	if (pyqi_process_begin())
		return "Process";
	give_number(p);
	return p->priv.text;
}
