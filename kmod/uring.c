// SPDX-License-Identifier: GPL-2.0
/*
 * Commands of io_uring: the ioctls that put and get, which wait without a thread.
 *
 * A command that cannot be done now is parked: a sleeper in the line, like those who
 * sleep in the ioctls, that is called like them. Who calls it has its submitter run
 * pyqueue_parked_run(), which tries; nothing is taken or put before, so that there is
 * nothing to give back if the submitter is dying by then.
 *
 * The bit RUNNING says that somebody is at it, or will be: the submitter, or who ends it.
 * Whoever wants something of a parked command writes down what (a call, EXPIRED,
 * CANCELLED) and then takes RUNNING; if he does not get it, whoever has it looks after he
 * has let go of it. In every interleaving one of the two sees what the other has done.
 *
 *	who tries			who calls, the timer, who cancels
 *	is to be called again (H)	publishes (G); writes down what he wants
 *	lets go of RUNNING		takes RUNNING: has it run
 *	full barrier			does not get it: that is all
 *	looks, and takes RUNNING
 */
#include <linux/hrtimer.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "compat.h"
#include "pyqueue.h"

/* All that may wait have it at the same place. */
static_assert(offsetof(struct pyqueue_put, deadline_ns) ==
	      offsetof(struct pyqueue_get, deadline_ns));
static_assert(offsetof(struct pyqueue_put, deadline_ns) ==
	      offsetof(struct pyqueue_many, deadline_ns));

/* Tries in a row, before other things that the submitter has to do have their turn. */
#define PYQUEUE_PARKED_TRIES	16

/* So many wait on one queue: who calls passes those that have been called before. */
#define PYQUEUE_PARKED_MAX	16384

enum {
	PYQUEUE_RUNNING,
	PYQUEUE_EXPIRED,
	PYQUEUE_CANCELLED,
};

/**
 * struct pyqueue_parked - a command that waits
 * @sleeper: in the line
 * @ref: itself while it waits, and who looks after he has let go of it
 * @q: the queue, with a reference
 * @cmd: the command
 * @node: among those of the queue
 * @ioctl: what it does
 * @arg: the kernel's copy of its argument, not to wait
 * @user: the user's
 * @tag: the user's name for it
 * @timer: its deadline
 * @state: the bits above
 */
struct pyqueue_parked {
	struct pyqueue_sleeper sleeper;
	refcount_t ref;
	struct pyqueue *q;
	struct io_uring_cmd *cmd;
	struct list_head node;
	const struct pyqueue_ioctl *ioctl;
	union pyqueue_any_arg arg;
	void __user *user;
	u64 tag;
	struct hrtimer timer;
	unsigned long state;
};

static void pyqueue_parked_in_task(struct io_uring_cmd *cmd, unsigned int issue_flags);

/* Where the command keeps what it is. */
static struct pyqueue_parked **pyqueue_parked_of(struct io_uring_cmd *cmd)
{
	BUILD_BUG_ON(sizeof(struct pyqueue_parked *) > sizeof(cmd->pdu));
	return (struct pyqueue_parked **)cmd->pdu;
}

static void pyqueue_parked_put(struct pyqueue_parked *p)
{
	if (!refcount_dec_and_test(&p->ref))
		return;
	pyqueue_put_ref(p->q);
	kfree(p);
}

/* Have it tried, if nobody is at it. */
static void pyqueue_parked_kick(struct pyqueue_parked *p)
{
	if (!test_and_set_bit(PYQUEUE_RUNNING, &p->state))
		io_uring_cmd_complete_in_task(p->cmd, pyqueue_parked_in_task);
}

static void pyqueue_parked_wake(struct pyqueue_sleeper *s)
{
	pyqueue_parked_kick(container_of(s, struct pyqueue_parked, sleeper));
}

static enum hrtimer_restart pyqueue_parked_expired(struct hrtimer *timer)
{
	struct pyqueue_parked *p = container_of(timer, struct pyqueue_parked, timer);

	set_bit(PYQUEUE_EXPIRED, &p->state);
	pyqueue_parked_kick(p);
	return HRTIMER_NORESTART;
}

/* By him who has RUNNING, which stays set. */
static void pyqueue_parked_end(struct pyqueue_parked *p, long ret, unsigned int issue_flags)
{
	struct pyqueue_waitq *w = p->sleeper.waitq;
	struct pyqueue *q = p->q;
	bool called;

	hrtimer_cancel(&p->timer);
	mutex_lock(&q->parked_lock);
	list_del(&p->node);
	q->nr_parked--;
	mutex_unlock(&q->parked_lock);
	called = pyqueue_sleeper_awake(&p->sleeper);
	pyqueue_sleeper_leave(&p->sleeper);
	/* Thousands may end one after the other, and each look can be a walk. */
	if (called)
		pyqueue_pass_on(q, w);
	io_uring_cmd_done(p->cmd, ret, 0, issue_flags);
	pyqueue_parked_put(p);
}

/* Is there something to be done that nobody has been made to do? */
static bool pyqueue_parked_is_due(const struct pyqueue_parked *p)
{
	return READ_ONCE(p->sleeper.called) || READ_ONCE(p->state) ||
	       p->sleeper.waitq->ready(p->q);
}

/* Return: whether RUNNING is the caller's again; otherwise @p may be gone. */
static bool pyqueue_parked_let_go(struct pyqueue_parked *p)
{
	bool mine;

	refcount_inc(&p->ref);
	clear_bit_unlock(PYQUEUE_RUNNING, &p->state);
	smp_mb(); /* H, and see above */
	mine = pyqueue_parked_is_due(p) && !test_and_set_bit(PYQUEUE_RUNNING, &p->state);
	pyqueue_parked_put(p);
	return mine;
}

static long pyqueue_parked_try(struct pyqueue_parked *p)
{
	long ret;

	if (test_bit(PYQUEUE_CANCELLED, &p->state))
		return -ECANCELED;
	ret = p->ioctl->call(p->cmd->file, &p->arg, p->user);
	if (ret == -ERESTARTSYS)
		ret = -EAGAIN; /* others were quicker until there was work to be done */
	if (ret == -EAGAIN && test_bit(PYQUEUE_EXPIRED, &p->state))
		return -ETIMEDOUT;
	return ret;
}

/* By the submitter, who has RUNNING: try, and park it again if that was in vain. */
static void pyqueue_parked_run(struct pyqueue_parked *p, unsigned int issue_flags)
{
	unsigned int tries = PYQUEUE_PARKED_TRIES;
	long ret;

	do {
		pyqueue_sleeper_awake(&p->sleeper);
		ret = pyqueue_parked_try(p);
		if (ret != -EAGAIN) {
			pyqueue_parked_end(p, ret, issue_flags);
			return;
		}
		if (!--tries) {
			/* Work before signals: who spoils a ring must not keep them from him. */
			if (task_sigpending(current))
				pyqueue_parked_end(p, -EINTR, issue_flags);
			else
				io_uring_cmd_complete_in_task(p->cmd, pyqueue_parked_in_task);
			return;
		}
		cond_resched();
		pyqueue_sleeper_again(&p->sleeper);
	} while (pyqueue_parked_let_go(p));
}

/*
 * Is nobody there any more to learn what has come of a command? The submitter is being
 * killed, is dying, or execs, or is dead and this a worker, or his ring has been closed.
 * Such work is done before a signal is looked at, and before PF_EXITING is set.
 */
static bool pyqueue_parked_is_orphan(const struct pyqueue_parked *p)
{
	return current->flags & (PF_EXITING | PF_KTHREAD) || fatal_signal_pending(current) ||
	       READ_ONCE(current->signal->flags) & SIGNAL_GROUP_EXIT || current->in_execve ||
	       pyqueue_uring_is_closed(p->cmd);
}

static void pyqueue_parked_in_task(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct pyqueue_parked *p = *pyqueue_parked_of(cmd);

	if (pyqueue_parked_is_orphan(p))
		pyqueue_parked_end(p, -ECANCELED, issue_flags);
	else
		pyqueue_parked_run(p, issue_flags);
}

/*
 * Whoever ends a ring goes round until the submitter comes to his commands, who may be
 * stopped, and may need the ring's lock to come to them, which is held here: one tick of
 * sleep for as many commands as can be looked at in one.
 */
static void pyqueue_parked_pause(void)
{
	static unsigned long paused;
	const unsigned long now = jiffies;

	if (READ_ONCE(paused) == now)
		return;
	schedule_timeout_uninterruptible(1);
	WRITE_ONCE(paused, jiffies);
}

/* The submitter execs, or his ring is closed; by whomever. */
static void pyqueue_parked_cancel(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	struct pyqueue_parked *p = *pyqueue_parked_of(cmd);

	set_bit(PYQUEUE_CANCELLED, &p->state);
	if (test_and_set_bit(PYQUEUE_RUNNING, &p->state)) {
		if (current->flags & PF_KTHREAD)
			pyqueue_parked_pause();
	} else if (current->flags & PF_KTHREAD && pyqueue_uring_is_deferred(cmd)) {
		io_uring_cmd_complete_in_task(cmd, pyqueue_parked_in_task);
	} else {
		pyqueue_parked_end(p, -ECANCELED, issue_flags);
	}
}

/* It can be found from here on, and has RUNNING. Return: whether there is room. */
static bool pyqueue_uring_enlist(struct pyqueue_parked *p)
{
	struct pyqueue *q = p->q;
	bool room;

	mutex_lock(&q->parked_lock);
	room = q->nr_parked < PYQUEUE_PARKED_MAX;
	if (room) {
		q->nr_parked++;
		list_add_tail(&p->node, &q->parked);
	}
	mutex_unlock(&q->parked_lock);
	return room;
}

static int pyqueue_uring_park(struct io_uring_cmd *cmd, unsigned int issue_flags,
			      const struct pyqueue_ioctl *ioctl, const union pyqueue_any_arg *arg,
			      const struct pyqueue_uring *payload, u64 deadline_ns)
{
	const ktime_t deadline = pyqueue_deadline(deadline_ns);
	struct pyqueue *q = cmd->file->private_data;
	struct pyqueue_parked *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	bool get = ioctl->cmd == PYQUEUE_IOC_GET || ioctl->cmd == PYQUEUE_IOC_GET_MANY;
	struct pyqueue_waitq *w = get ? &q->getters : &q->putters;

	if (!p)
		return -ENOMEM;
	p->sleeper.wake = pyqueue_parked_wake;
	refcount_set(&p->ref, 1);
	p->q = q;
	p->cmd = cmd;
	p->ioctl = ioctl;
	p->arg = *arg;
	p->user = u64_to_user_ptr(payload->arg);
	p->tag = payload->tag;
	hrtimer_init(&p->timer, CLOCK_MONOTONIC, HRTIMER_MODE_ABS);
	p->timer.function = pyqueue_parked_expired;
	__set_bit(PYQUEUE_RUNNING, &p->state);
	if (!pyqueue_uring_enlist(p)) {
		kfree(p);
		return -ENOSPC;
	}
	kref_get(&q->ref);
	*pyqueue_parked_of(cmd) = p;
	io_uring_cmd_mark_cancelable(cmd, issue_flags);

	pyqueue_call_other_side(q, w);
	pyqueue_sleeper_enter(&p->sleeper, w);
	if (deadline != KTIME_MAX)
		hrtimer_start(&p->timer, deadline, HRTIMER_MODE_ABS);
	if (pyqueue_parked_let_go(p))
		pyqueue_parked_run(p, issue_flags);
	return -EIOCBQUEUED;
}

static int pyqueue_uring_cancel(struct file *file, const struct pyqueue_uring *payload)
{
	struct pyqueue *q = file->private_data;
	struct pyqueue_parked *p;
	int n = 0;

	if (payload->arg)
		return -EINVAL;
	/* There may be very many. */
	mutex_lock(&q->parked_lock);
	list_for_each_entry(p, &q->parked, node) {
		cond_resched();
		if (p->tag != payload->tag || p->cmd->file != file)
			continue;
		n++;
		set_bit(PYQUEUE_CANCELLED, &p->state);
		pyqueue_parked_kick(p);
	}
	mutex_unlock(&q->parked_lock);
	return n;
}

static int pyqueue_uring_do(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	const struct pyqueue_uring *from = pyqueue_uring_payload(cmd);
	const struct pyqueue_uring payload = {
		.arg = READ_ONCE(from->arg),
		.tag = READ_ONCE(from->tag),
	};
	void __user *user = u64_to_user_ptr(payload.arg);
	union pyqueue_any_arg arg __uninitialized;
	const struct pyqueue_ioctl *ioctl;
	u64 deadline_ns = PYQUEUE_NOWAIT;
	unsigned int times = 0;
	long ret;

	if (cmd->flags & IORING_URING_CMD_MASK)
		return -EINVAL;
	if (cmd->cmd_op == PYQUEUE_URING_CANCEL)
		return pyqueue_uring_cancel(cmd->file, &payload);
	ret = pyqueue_ioctl_find(pyqueue_uring_ioctls, pyqueue_nr_uring_ioctls, cmd->cmd_op, user,
				 &arg);
	if (ret < 0)
		return ret;
	ioctl = &pyqueue_uring_ioctls[ret];
	if (ret < PYQUEUE_URING_WAITS) {
		deadline_ns = arg.put.deadline_ns;
		arg.put.deadline_ns = PYQUEUE_NOWAIT;
	}
	/* Also work that is to be done counts as a signal: that is not one for the caller. */
	do {
		ret = ioctl->call(cmd->file, &arg, user);
	} while (ret == -ERESTARTSYS && !task_sigpending(current) &&
		 ++times < PYQUEUE_AGAIN_MOST);
	if (ret == -ERESTARTSYS)
		ret = deadline_ns == PYQUEUE_NOWAIT && task_sigpending(current) ? -EINTR : -EAGAIN;
	if (ret != -EAGAIN || deadline_ns == PYQUEUE_NOWAIT || !PYQUEUE_URING_CAN_WAIT)
		return ret;
	return pyqueue_uring_park(cmd, issue_flags, ioctl, &arg, &payload, deadline_ns);
}

/**
 * pyqueue_uring_cmd() - a command on a queue's file
 * @cmd: the command
 * @issue_flags: io_uring's
 *
 * Context: May sleep and fault.
 * Return: the command's result; -EIOCBQUEUED it has one, or will have.
 */
int pyqueue_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags)
{
	int ret;

	if (issue_flags & IO_URING_F_CANCEL) {
		pyqueue_parked_cancel(cmd, issue_flags);
		return 0;
	}
	ret = pyqueue_uring_do(cmd, issue_flags);
	if (ret <= 0 && ret != -EAGAIN)
		return ret;
	/*
	 * -EAGAIN would mean to io_uring that a worker should try. And what is returned
	 * beyond 0 6.1 takes for a failure, or of a worker for nothing to be passed on.
	 */
	io_uring_cmd_done(cmd, ret, 0, issue_flags);
	return -EIOCBQUEUED;
}
