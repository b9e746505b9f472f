// SPDX-License-Identifier: GPL-2.0
/*
 * Sleeping and waking. First come, first woken; one message, one wake-up.
 *
 * No wake-up is lost:
 *
 *	sleeper					waker
 *	idle++					publish or release (CAS)
 *	full barrier (H, set_current_state)	full barrier (G, part of the CAS)
 *	looks at the ring			looks at idle
 *
 * In every interleaving the sleeper sees the message or the waker sees the
 * sleeper (or before that pyqueue_is_awaited() does). A waker in user space, who
 * maps the queue, sees the sleeper announced in shared memory, takes the
 * announcement away (CAS) and calls by ioctl:
 *
 *	sleeper					waker in user space
 *	idle++, announced++ (CAS)		publish or release (CAS, G)
 *	full barrier (H)			looks at announced: n
 *	looks at the ring			announced to n - 1 (CAS), WAKE
 *
 * So announced and the calls on their way are never fewer than idle, but for
 * somebody who died, or was stopped, between the two: whoever settles what he has
 * left raises announced again and calls (pyqueue_wake_forgotten()), and whoever
 * goes to sleep on one side calls on the other what has been left there. What is
 * in shared memory is believed in nothing else: it can make those of that queue
 * sleep on, or be woken in vain.
 *
 * Who has been called and leaves without taking (timeout, signal,
 * death, a buffer too small), or takes and leaves more, calls the next: the
 * baton. So does he who has to bring memory in first. Who is awake, whatever woke
 * him, is not called: he could not come at once, and the next can. A sleeper
 * keeps its place in the line until it leaves it.
 */
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>

#include "compat.h"
#include "pyqueue.h"
#include "ring/sleepers.h"

/**
 * pyqueue_waitq_init() - an empty line
 * @w: the line
 * @shared: where it is announced
 * @other: the other side's, or NULL
 * @ready: would a sleeper find something to do
 */
void pyqueue_waitq_init(struct pyqueue_waitq *w, struct pyqueue_waiters *shared,
			struct pyqueue_waitq *other, bool (*ready)(struct pyqueue *q))
{
	init_waitqueue_head(&w->wq);
	w->shared = shared;
	w->other = other;
	w->ready = ready;
}

/* One more can be called. */
static void pyqueue_idle(struct pyqueue_waitq *w)
{
	u32 unused;

	lockdep_assert_held(&w->wq.lock);
	WRITE_ONCE(w->idle, w->idle + 1);
	pyq_sleepers_announce(&w->shared->sleepers, &unused); /* H */
}

/* One less, who is still announced. */
static void pyqueue_not_idle(struct pyqueue_waitq *w)
{
	lockdep_assert_held(&w->wq.lock);
	WRITE_ONCE(w->idle, w->idle - 1);
}

/* Called by __wake_up_locked() for one sleeper after the other. */
static int pyqueue_call(wait_queue_entry_t *entry, unsigned int mode, int sync, void *key)
{
	struct pyqueue_sleeper *s = container_of(entry, struct pyqueue_sleeper, entry);

	lockdep_assert_held(&s->waitq->wq.lock);
	if (s->called)
		return 0;
	WRITE_ONCE(s->called, true);
	pyqueue_not_idle(s->waitq);
	if (s->wake)
		s->wake(s);
	else
		default_wake_function(entry, mode, sync, key);
	return 1;
}

/*
 * Call the first @nr of those who have not been called, 0 for all; @claimed have been claimed
 * by a caller in user space. The others are, all at once, when they have been called: until
 * then they are announced and not asleep, which costs a call in vain. Not one by one: each
 * claim is many tries if somebody spoils the word, and here the line is locked.
 */
static void pyqueue_wake_some(struct pyqueue_waitq *w, int nr, u32 claimed)
{
	unsigned int called;

	spin_lock(&w->wq.lock);
	called = w->idle;
	__wake_up_locked(&w->wq, TASK_INTERRUPTIBLE, nr);
	called -= w->idle;
	if (called > claimed)
		pyq_sleepers_claim(&w->shared->sleepers, called - claimed);
	spin_unlock(&w->wq.lock);
}

static void pyqueue_wake(struct pyqueue_waitq *w, int nr)
{
	if (READ_ONCE(w->idle)) /* G */
		pyqueue_wake_some(w, nr, 0);
}

/*
 * With a key: a poller who waits for something else must not use up the one
 * wake-up of those who poll exclusively.
 *
 * One line for all: io_uring ends a poll of two lines with -EINVAL if it has been
 * woken when there is nothing any more.
 */
static void pyqueue_wake_pollers(struct pyqueue *q, __poll_t events)
{
	if (waitqueue_active(&q->pollers)) /* G */
		wake_up_poll(&q->pollers, events);
}

/* Without a key: each looks, and so announces itself again. */
static void pyqueue_wake_all_pollers(struct pyqueue *q)
{
	if (!waitqueue_active(&q->pollers)) /* G */
		return;
	/* First: who says so again, and is not called now, looks later. */
	WRITE_ONCE(q->getters.polled, false);
	WRITE_ONCE(q->putters.polled, false);
	wake_up_all(&q->pollers);
}

/**
 * pyqueue_wake_getters() - a message can be had: call one getter
 * @q: the queue
 *
 * Context: Any but hard interrupt; after a full barrier (G).
 */
void pyqueue_wake_getters(struct pyqueue *q)
{
	pyqueue_wake(&q->getters, 1);
	pyqueue_wake_pollers(q, EPOLLIN | EPOLLRDNORM);
}

/**
 * pyqueue_wake_putters() - there is room: call one putter
 * @q: the queue
 *
 * Context: Any but hard interrupt; after a full barrier (G).
 */
void pyqueue_wake_putters(struct pyqueue *q)
{
	pyqueue_wake(&q->putters, 1);
	pyqueue_wake_pollers(q, EPOLLOUT | EPOLLWRNORM);
	/* And for what waits outside, which a getter moves. */
	if (pyqueue_overflows(q))
		pyqueue_wake_getters(q);
}

/**
 * pyqueue_wake_joiners() - nothing is unfinished: call all who wait for that
 * @q: the queue
 *
 * Context: Any but hard interrupt; after a full barrier (G).
 */
void pyqueue_wake_joiners(struct pyqueue *q)
{
	pyqueue_wake(&q->joiners, 0);
}

/**
 * pyqueue_drained() - if the queue is shut down, who polls may see its end now
 * @q: the queue
 *
 * Context: Any but hard interrupt; after a full barrier (G).
 */
void pyqueue_drained(struct pyqueue *q)
{
	if (!READ_ONCE(q->closed))
		return;
	pyqueue_wake_all_pollers(q);
}

/**
 * pyqueue_tombstone_gone() - there is room, and perhaps nothing unfinished
 * @q: the queue
 *
 * Context: Any but hard interrupt; after a full barrier (G).
 */
void pyqueue_tombstone_gone(struct pyqueue *q)
{
	pyqueue_wake_putters(q);
	pyqueue_wake_joiners(q);
	pyqueue_drained(q);
}

/**
 * pyqueue_wake_everybody() - the queue is not what it was
 * @q: the queue
 *
 * Context: Any but hard interrupt.
 */
void pyqueue_wake_everybody(struct pyqueue *q)
{
	smp_mb(); /* G, whatever came before */
	pyqueue_wake(&q->getters, 0);
	pyqueue_wake(&q->putters, 0);
	pyqueue_wake_joiners(q);
	pyqueue_wake_all_pollers(q);
}

/**
 * pyqueue_sleeper_enter() - to the end of the line, and to be called
 * @s: who; @s->wake is set
 * @w: the line
 *
 * The caller looks (H) before he sleeps.
 */
void pyqueue_sleeper_enter(struct pyqueue_sleeper *s, struct pyqueue_waitq *w)
{
	init_waitqueue_func_entry(&s->entry, pyqueue_call);
	s->entry.private = current;
	s->waitq = w;
	s->called = false;

	spin_lock(&w->wq.lock);
	__add_wait_queue_entry_tail_exclusive(&w->wq, &s->entry);
	WRITE_ONCE(w->sleepers, w->sleepers + 1);
	pyqueue_idle(w);
	spin_unlock(&w->wq.lock);
}

/**
 * pyqueue_sleeper_awake() - calls are for the next
 * @s: who
 *
 * Return: whether he has been called, or was awake before.
 */
bool pyqueue_sleeper_awake(struct pyqueue_sleeper *s)
{
	struct pyqueue_waitq *w = s->waitq;
	bool called;

	if (READ_ONCE(s->called))
		return true;
	spin_lock(&w->wq.lock);
	called = s->called;
	if (!called) {
		WRITE_ONCE(s->called, true);
		pyqueue_not_idle(w);
		pyq_sleepers_claim(&w->shared->sleepers, 1);
	}
	spin_unlock(&w->wq.lock);
	return called;
}

/**
 * pyqueue_sleeper_again() - back to sleep: it can be called again, at its old place
 * @s: who; awake. He looks (H) before he sleeps
 */
void pyqueue_sleeper_again(struct pyqueue_sleeper *s)
{
	struct pyqueue_waitq *w = s->waitq;

	spin_lock(&w->wq.lock);
	s->called = false;
	pyqueue_idle(w);
	spin_unlock(&w->wq.lock);
}

/**
 * pyqueue_sleeper_leave() - out of the line
 * @s: who; awake, hence not among those who can be called
 */
void pyqueue_sleeper_leave(struct pyqueue_sleeper *s)
{
	struct pyqueue_waitq *w = s->waitq;

	spin_lock(&w->wq.lock);
	__remove_wait_queue(&w->wq, &s->entry);
	WRITE_ONCE(w->sleepers, w->sleepers - 1);
	spin_unlock(&w->wq.lock);
}

/**
 * pyqueue_poller_enter() - somebody polls
 * @w: for which side; he is among @q->pollers already
 *
 * The caller looks (H) before he sleeps.
 */
void pyqueue_poller_enter(struct pyqueue_waitq *w)
{
	WRITE_ONCE(w->polled, true);
	pyq_pollers_announce(w->shared); /* H */
}

/**
 * pyqueue_pass_on() - the baton: a sleeper has perhaps been called in another's stead
 * @q: the queue
 * @w: the line
 */
void pyqueue_pass_on(struct pyqueue *q, struct pyqueue_waitq *w)
{
	smp_mb(); /* G */
	if (READ_ONCE(w->idle) && w->ready(q))
		pyqueue_wake(w, 1);
}

/**
 * pyqueue_wake_claimed() - a call from user space
 * @q: the queue
 * @whom: PYQUEUE_WAKE_
 * @count: how many getters, putters; claimed by the caller
 *
 * Context: May sleep.
 */
void pyqueue_wake_claimed(struct pyqueue *q, unsigned int whom, u32 count)
{
	/* More than there are is as good as all. */
	const u32 most = min_t(u32, count, INT_MAX);

	/* G: the caller has said that nobody polls, and now is looked who does. */
	smp_mb();
	if (whom & PYQUEUE_WAKE_BROKEN)
		pyqueue_break(q);
	if (most && whom & PYQUEUE_WAKE_GETTERS)
		pyqueue_wake_some(&q->getters, most, most);
	if (most && whom & PYQUEUE_WAKE_PUTTERS)
		pyqueue_wake_some(&q->putters, most, most);
	if (whom & PYQUEUE_WAKE_JOINERS)
		pyqueue_wake_some(&q->joiners, 0, U32_MAX);
	if (whom & (PYQUEUE_WAKE_POLL_IN | PYQUEUE_WAKE_POLL_OUT))
		pyqueue_wake_all_pollers(q);
}

/* Announce anew whom somebody has claimed and not called; call one if he can go on. */
static void pyqueue_remember(struct pyqueue *q, struct pyqueue_waitq *w)
{
	spin_lock(&w->wq.lock);
	pyq_sleepers_announce_anew(&w->shared->sleepers, w->idle); /* H */
	spin_unlock(&w->wq.lock);
	pyqueue_pass_on(q, w);
}

/**
 * pyqueue_wake_forgotten() - somebody has died who may have owed calls
 * @q: the queue
 *
 * One call a side: who takes what there is, and leaves more, calls the next.
 *
 * Context: May sleep.
 */
void pyqueue_wake_forgotten(struct pyqueue *q)
{
	pyqueue_remember(q, &q->getters);
	pyqueue_remember(q, &q->putters);
	pyqueue_remember(q, &q->joiners);
	pyqueue_wake_all_pollers(q);
}

/**
 * pyqueue_call_other_side() - who goes to sleep on one calls on the other what is owed there
 * @q: the queue
 * @w: the side on which he goes to sleep
 *
 * Somebody may have claimed a sleeper of that side and be stopped before he calls. That
 * cannot be seen in how many are announced: those are shared memory, and one too many
 * while somebody is about to sleep. But then nobody is on his way there: who is calls the
 * next himself, and who stands behind him is not to come before him.
 *
 * The same with those who poll there: somebody has claimed them if they are not announced
 * any more, and has not called them if the kernel has not.
 */
void pyqueue_call_other_side(struct pyqueue *q, struct pyqueue_waitq *w)
{
	struct pyqueue_waitq *other = w->other;

	if (!other)
		return;
	if (READ_ONCE(other->idle) == READ_ONCE(other->sleepers))
		pyqueue_pass_on(q, other);
	smp_mb(); /* G */
	if (READ_ONCE(other->polled) && !pyq_pollers_any(other->shared) && other->ready(q))
		pyqueue_wake_all_pollers(q);
}

/**
 * pyqueue_deadline() - the kernel contract's deadline as the host's time
 * @deadline_ns: that, by the caller's clock
 *
 * Return: the time; KTIME_MAX for ever.
 */
ktime_t pyqueue_deadline(u64 deadline_ns)
{
	ktime_t offset;

	if (deadline_ns >= KTIME_MAX)
		return KTIME_MAX;
	offset = pyqueue_timens_offset();
	if (offset > 0 && (u64)offset >= deadline_ns)
		return 1; /* before the host was booted: long over */
	if (offset < 0 && KTIME_MAX + offset < (s64)deadline_ns)
		return KTIME_MAX;
	return (s64)deadline_ns - offset;
}

static bool pyqueue_is_over(ktime_t deadline)
{
	return deadline != KTIME_MAX && ktime_compare(ktime_get(), deadline) >= 0;
}

/* Sleep until called, the deadline or a signal. */
static void pyqueue_sleep(ktime_t deadline)
{
	if (deadline == KTIME_MAX)
		schedule();
	else
		schedule_hrtimeout_range_clock(&deadline, current->timer_slack_ns,
					       HRTIMER_MODE_ABS, CLOCK_MONOTONIC);
}

/**
 * pyqueue_wait() - do something as soon as it can be done
 * @q: the queue
 * @wait: what; it cannot be done now
 * @deadline_ns: until when, as in the kernel contract; not PYQUEUE_NOWAIT
 *
 * Success beats the deadline and a signal, unless that kills.
 *
 * Context: May sleep.
 * Return: what @wait->attempt returns; -ETIMEDOUT; -ERESTARTSYS.
 */
long pyqueue_wait(struct pyqueue *q, const struct pyqueue_wait *wait, u64 deadline_ns)
{
	const ktime_t deadline = pyqueue_deadline(deadline_ns);
	struct pyqueue_waitq *w = wait->waitq;
	struct pyqueue_sleeper sleeper = { .wake = NULL };
	long ret;

	pyqueue_call_other_side(q, w);
	pyqueue_sleeper_enter(&sleeper, w);
	for (;;) {
		set_current_state(TASK_INTERRUPTIBLE); /* H */
		/* Called while still running: that call will not come again. */
		if (!READ_ONCE(sleeper.called) && !w->ready(q) && !signal_pending(current))
			pyqueue_sleep(deadline);
		__set_current_state(TASK_RUNNING);
		pyqueue_sleeper_awake(&sleeper);

		/* Killed asleep: nothing has been done, and nothing is now. */
		if (fatal_signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		ret = wait->attempt(q, wait->arg);
		if (ret == -EFAULT && wait->fault_in) {
			pyqueue_pass_on(q, w);
			if (wait->fault_in(wait->arg))
				continue;
		}
		if (ret != -EAGAIN && ret != -EBUSY)
			break;
		/* Not only after a sleep: who spoils the ring can make it look ready for ever. */
		if (pyqueue_is_over(deadline)) {
			ret = -ETIMEDOUT;
			break;
		}
		if (signal_pending(current)) {
			ret = -ERESTARTSYS;
			break;
		}
		cond_resched();
		pyqueue_sleeper_again(&sleeper);
	}
	pyqueue_sleeper_leave(&sleeper);
	if (ret < 0 || !wait->looks_only)
		pyqueue_pass_on(q, w);
	return ret;
}

/* -EAGAIN as a wait wants it. */
static long pyqueue_look(struct pyqueue *q, void *arg)
{
	struct pyqueue_waitq *w = arg;

	if (q->unbounded && pyqueue_refill(q) == -EINTR)
		return -EINTR;
	if (w == &q->putters && pyqueue_overflow_is_denied(q))
		pyqueue_break(q);
	/* Not left to shared memory, which may say otherwise for ever. */
	if (READ_ONCE(q->broken))
		return -EUCLEAN;
	if (w == &q->putters && READ_ONCE(q->closed))
		return -ESHUTDOWN;
	/* Who claims a slot himself comes after those who wait outside, if there is a slot yet. */
	if (w == &q->putters && pyqueue_overflows(q))
		return -EAGAIN;
	return w->ready(q) ? 0 : -EAGAIN;
}

/**
 * pyqueue_await() - sleep until something can be done on a side, and leave it there
 * @q: the queue
 * @w: the side
 * @deadline_ns: as in the kernel contract
 *
 * Context: May sleep.
 * Return: 0 or an error of &struct pyqueue_await.
 */
long pyqueue_await(struct pyqueue *q, struct pyqueue_waitq *w, u64 deadline_ns)
{
	const struct pyqueue_wait wait = {
		.waitq = w,
		.attempt = pyqueue_look,
		.looks_only = true,
		.arg = w,
	};
	long ret = pyqueue_look(q, w);

	if (ret != -EAGAIN || deadline_ns == PYQUEUE_NOWAIT)
		return ret;
	return pyqueue_wait(q, &wait, deadline_ns);
}
