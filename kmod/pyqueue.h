/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pyqueue's own declarations.
 *
 * Locks, none of which two queues share on the way of a put or a get. None but
 * pyqueue_overflow.lock is ever held while another one of them is taken:
 *
 *   pyqueue_overflow.lock   what waits outside of an unbounded queue's ring (mutex);
 *                           then pyqueue_waitq.wq.lock or pyqueue.large_lock
 *   pyqueue_waitq.wq.lock   one side's sleepers; innermost but for the
 *                           scheduler's own locks
 *   pyqueue.large_lock      which large message is behind which slot
 *   pyqueue.parked_lock     commands of io_uring that wait (mutex; under io_uring's own)
 *   pyqueue_net.lock        a namespace's names (mutex)
 *   pyqueue_users_lock      the table of users, at CREATE and at the last close
 *
 * User memory is never touched under any of them, nor while the kernel holds
 * a slot of a ring, except with page faults disabled; and nobody who could be
 * called to a message faults before he has let that call go on to the next.
 */
#ifndef PYQUEUE_PRIVATE_H
#define PYQUEUE_PRIVATE_H

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/idr.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/memcontrol.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/uidgid.h>
#include <linux/uio.h>
#include <linux/wait.h>

#include <linux/pyqueue.h>

#include "ring/overflow.h"

struct pyqueue;
struct pyqueue_large;
struct pyqueue_user;

/* --- waiting (wait.c) ---------------------------------------------------- */

/**
 * struct pyqueue_waitq - those who sleep on one side of a queue, first come
 *	first woken
 * @wq: the sleepers, all exclusive
 * @shared: where those see how many they can call who map the queue
 * @other: the other side, or NULL
 * @ready: would a sleeper find something to do; must not sleep
 * @idle: how many of them have not been called since they last looked;
 *	written under @wq.lock
 * @sleepers: all of them; written under @wq.lock
 * @polled: somebody has polled for this side since all who poll have been called
 */
struct pyqueue_waitq {
	wait_queue_head_t wq;
	struct pyqueue_waiters *shared;
	struct pyqueue_waitq *other;
	bool (*ready)(struct pyqueue *q);
	unsigned int idle;
	unsigned int sleepers;
	bool polled;
};

/**
 * struct pyqueue_sleeper - one who sleeps
 * @entry: in the line
 * @waitq: the line
 * @wake: called to wake it, under the line's lock; NULL: it is the task that has entered
 * @called: is awake, or has been woken; under the line's lock
 */
struct pyqueue_sleeper {
	wait_queue_entry_t entry;
	struct pyqueue_waitq *waitq;
	void (*wake)(struct pyqueue_sleeper *s);
	bool called;
};

void pyqueue_sleeper_enter(struct pyqueue_sleeper *s, struct pyqueue_waitq *w);
bool pyqueue_sleeper_awake(struct pyqueue_sleeper *s);
void pyqueue_sleeper_again(struct pyqueue_sleeper *s);
void pyqueue_sleeper_leave(struct pyqueue_sleeper *s);
void pyqueue_poller_enter(struct pyqueue_waitq *w);
void pyqueue_pass_on(struct pyqueue *q, struct pyqueue_waitq *w);
void pyqueue_call_other_side(struct pyqueue *q, struct pyqueue_waitq *w);
ktime_t pyqueue_deadline(u64 deadline_ns);

/**
 * struct pyqueue_wait - what somebody waits for
 * @waitq: where to wait
 * @attempt: try it: 0 or more done, -EAGAIN not now, -EBUSY others were quicker too
 *	often, or an error; may sleep, comes to an end. The caller has, once, before he
 *	waits: that spares the fast path an indirect call.
 * @fault_in: after -EFAULT: bring in the user's memory that was not there, which
 *	may take long; whether @attempt is worth another try. NULL: it is not
 * @looks_only: what @attempt has found is still there when it says so
 * @arg: for @attempt and @fault_in
 */
struct pyqueue_wait {
	struct pyqueue_waitq *waitq;
	long (*attempt)(struct pyqueue *q, void *arg);
	bool (*fault_in)(void *arg);
	bool looks_only;
	void *arg;
};

void pyqueue_waitq_init(struct pyqueue_waitq *w, struct pyqueue_waiters *shared,
			struct pyqueue_waitq *other, bool (*ready)(struct pyqueue *q));
long pyqueue_wait(struct pyqueue *q, const struct pyqueue_wait *wait, u64 deadline_ns);
void pyqueue_wake_getters(struct pyqueue *q);
void pyqueue_wake_putters(struct pyqueue *q);
void pyqueue_wake_joiners(struct pyqueue *q);
void pyqueue_tombstone_gone(struct pyqueue *q);
void pyqueue_drained(struct pyqueue *q);
void pyqueue_wake_everybody(struct pyqueue *q);
void pyqueue_wake_claimed(struct pyqueue *q, unsigned int whom, u32 count);
void pyqueue_wake_forgotten(struct pyqueue *q);
long pyqueue_await(struct pyqueue *q, struct pyqueue_waitq *waitq, u64 deadline_ns);

/* --- large messages (large.c) -------------------------------------------- */

struct pyqueue_large *pyqueue_large_from_iter(struct pyqueue *q, struct iov_iter *from);
int pyqueue_large_to_iter(const struct pyqueue_large *m, const struct iov_iter *to);
u32 pyqueue_large_len(const struct pyqueue_large *m);
void pyqueue_large_copy(const struct pyqueue_large *m, u8 *to);
struct pyqueue_large **pyqueue_large_next(struct pyqueue_large *m);
void pyqueue_large_put(struct pyqueue *q, struct pyqueue_large *m);
struct pyqueue_large *pyqueue_large_attach(struct pyqueue *q, const struct pyq_op *op,
					   struct pyqueue_large *m);
struct pyqueue_large *pyqueue_large_find(struct pyqueue *q, u64 pos);
void pyqueue_large_remove(struct pyqueue *q, u64 pos);
void pyqueue_large_free_all(struct pyqueue *q);

/* --- the user's account (user.c) ----------------------------------------- */

struct pyqueue_user *pyqueue_user_get(kuid_t uid);
void pyqueue_user_put(struct pyqueue_user *user);
int pyqueue_user_charge_queue(struct pyqueue_user *user);
void pyqueue_user_uncharge_queue(struct pyqueue_user *user);
int pyqueue_user_charge_bytes(struct pyqueue_user *user, u64 bytes);
void pyqueue_user_uncharge_bytes(struct pyqueue_user *user, u64 bytes);
void pyqueue_user_info(struct pyqueue_info *info);
int pyqueue_user_init(void);

/* --- a queue's memory (memory.c) ----------------------------------------- */

/**
 * struct pyqueue_memory - the pages of a ring
 * @pages: the pages
 * @nr_pages: how many
 * @vaddr: the kernel's address of them all
 */
struct pyqueue_memory {
	struct page **pages;
	unsigned long nr_pages;
	void *vaddr;
};

int pyqueue_memory_alloc(struct pyqueue_memory *mem, u64 bytes);
void pyqueue_memory_free(struct pyqueue_memory *mem);
bool pyqueue_memory_to_iter(const struct pyqueue_memory *mem, u64 offset, size_t len,
			    struct iov_iter *to);

/* --- what waits outside of the ring (overflow.c) ------------------------- */

/**
 * struct pyqueue_overflow - messages of an unbounded queue, outside of its ring
 * @lock: for all of it
 * @seen: what the others see
 * @first: the list
 * @link: where the next one goes
 */
struct pyqueue_overflow {
	struct mutex lock; /* the list, and what is moved from it */
	struct pyq_overflow seen;
	struct pyqueue_large *first;
	struct pyqueue_large **link;
};

void pyqueue_overflow_init(struct pyqueue *q);
void pyqueue_overflow_end(struct pyqueue *q);
int pyqueue_put_outside(struct pyqueue *q, struct pyqueue_large *m);
bool pyqueue_overflow_is_denied(struct pyqueue *q);
long pyqueue_refill(struct pyqueue *q);
void pyqueue_overflow_shutdown(struct pyqueue *q, bool immediate);

/* --- the queue (queue.c) ------------------------------------------------- */

/**
 * struct pyqueue - a queue
 * @ref: one for each open file description and one for the name
 * @ring: the kernel's view of the ring; owner 0
 * @mem: the ring's pages
 * @id: number, never used twice
 * @flags: PYQUEUE_SEALED
 * @unbounded: what the ring has no room for waits outside
 * @max_msg: bound on the bytes of one message
 * @max_bytes: bound on @large_bytes, 0 for none
 * @ring_bytes: what @user is charged for the ring
 * @user: the creator's account
 * @memcg: the creator's memory cgroup, which large messages are charged to
 * @getters: asleep in get
 * @putters: asleep in put
 * @joiners: asleep in join
 * @pollers: poll, for a message or for room
 * @parked_lock: for @parked, @nr_parked
 * @parked: commands of io_uring that wait
 * @nr_parked: how many
 * @broken: the ring is spoilt: everything is -EUCLEAN
 * @owners: owner numbers in use
 * @nr_owners: how many
 * @closed: shut down: whoever takes the last message tells all who poll
 * @drop: shut down at once: whoever puts late drops what he finds
 * @overflow: what waits outside
 * @large_bytes: bytes of messages that are not in the ring
 * @large_lock: for what @large points to
 * @large: large messages by index of the slot; NULL if all fit their slots
 * @uid: owner of the name
 * @gid: group of the name
 * @mode: permissions of the name
 * @named: has a name
 */
struct pyqueue {
	struct kref ref;
	struct pyq_ring ring;
	struct pyqueue_memory mem;
	u64 id;
	u32 flags;
	bool unbounded;
	u64 max_msg;
	u64 max_bytes;
	u64 ring_bytes;
	struct pyqueue_user *user;
	struct mem_cgroup *memcg;

	struct pyqueue_waitq getters;
	struct pyqueue_waitq putters;
	struct pyqueue_waitq joiners;
	wait_queue_head_t pollers;

	struct ida owners;
	atomic_t nr_owners;

	struct mutex parked_lock; /* parked */
	struct list_head parked;
	unsigned int nr_parked;

	bool broken;
	bool closed;
	bool drop;

	struct pyqueue_overflow overflow;
	atomic64_t large_bytes;
	spinlock_t large_lock; /* large[] */
	struct pyqueue_large **large;

	kuid_t uid;
	kgid_t gid;
	umode_t mode;
	bool named;
};

/* Does something wait outside of the ring? */
static inline bool pyqueue_overflows(const struct pyqueue *q)
{
	return READ_ONCE(q->overflow.seen.count);
}

/*
 * Is there anybody whom a message, or room, may concern: all at whom pyqueue_wake_getters(),
 * pyqueue_wake_putters() and pyqueue_drained() look? After a full barrier (G). Usually there
 * is not, and that is seen without a call.
 */
static inline bool pyqueue_is_awaited(struct pyqueue *q)
{
	if (READ_ONCE(q->getters.idle) || READ_ONCE(q->putters.idle))
		return true;
	/* The caller's CAS is the full barrier (G). */
	return waitqueue_active(&q->pollers) || pyqueue_overflows(q) || READ_ONCE(q->closed);
}

/* Its bound, as users know it: 0 is none. */
static inline s64 pyqueue_maxsize(const struct pyqueue *q)
{
	return q->unbounded ? 0 : q->ring.maxsize;
}

struct pyqueue *pyqueue_create(const struct pyqueue_create *arg);
void pyqueue_put_ref(struct pyqueue *q);
int pyqueue_prepare_fd(struct pyqueue *q, unsigned int flags, struct file **file);
void pyqueue_break(struct pyqueue *q);
int pyqueue_slot_size(u32 payload);

/* --- names (name.c) ------------------------------------------------------ */

/**
 * struct pyqueue_name_arg - a name, copied from its user
 * @len: bytes
 * @text: not terminated
 */
struct pyqueue_name_arg {
	u32 len;
	char text[PYQUEUE_NAME_MAX];
};

int pyqueue_name_from_user(struct pyqueue_name_arg *name, u64 addr, u32 len);
int pyqueue_name_create(const struct pyqueue_name_arg *name, const struct pyqueue_create *arg);
int pyqueue_name_open(const struct pyqueue_name_arg *name, unsigned int flags);
int pyqueue_name_unlink(const struct pyqueue_name_arg *name);
long pyqueue_name_list(struct pyqueue_list *arg);
int pyqueue_name_init(void);
void pyqueue_name_exit(void);

/* --- claims (claim.c) ---------------------------------------------------- */

/*
 * How often -EBUSY is put up with while nothing moves; and in all, and how long, before a
 * look at signals and the deadline: one round may go over all slots.
 */
#define PYQUEUE_BUSY_ROUNDS	64
#define PYQUEUE_BUSY_MOST	256
#define PYQUEUE_BUSY_MS		10

/* How often a call that does not wait begins anew because others were quicker. */
#define PYQUEUE_AGAIN_MOST	32

/**
 * struct pyqueue_patience - how long -EBUSY is put up with
 * @all: how often in all
 * @rounds: how often in which nothing has moved
 * @until: when it is over, in jiffies; from the first time on
 * @head: where head was
 * @tail: where tail was
 */
struct pyqueue_patience {
	unsigned int all;
	unsigned int rounds;
	unsigned long until;
	u64 head;
	u64 tail;
};

int pyqueue_settle_slowly(struct pyqueue *q, const struct pyq_op *op, int ret);

/* Usually there is nothing to do. */
static inline int pyqueue_settle(struct pyqueue *q, const struct pyq_op *op, int ret)
{
	return unlikely(op->freed || ret == -EUCLEAN) ? pyqueue_settle_slowly(q, op, ret) : ret;
}

bool pyqueue_busy(struct pyqueue *q, struct pyqueue_patience *patience, int *ret);
bool pyqueue_again(long *ret, unsigned int *times);

/* --- put and get (put.c, get.c) ------------------------------------------ */

/* Messages up to this go through the stack, and in one go. */
#define PYQUEUE_SMALL	PYQUEUE_PAYLOAD_DEFAULT

/* What a get tells beside the message; this part of two uapi structures. */
struct pyqueue_result {
	u64 len;
	u64 position;
	u32 deliveries;
	u32 pad;
};

/**
 * struct pyqueue_getter - one who wants a message
 * @to: where it goes, which is not moved on; as much room as there is
 * @result: what else he is told, or NULL
 * @empty_is_error: -EBADMSG for a message of length 0, which stays
 * @needed: out, with -EMSGSIZE: bytes of the message
 * @told: out: something has been written to @result, also if no message came of it
 * @cold: get.c's: not all of his memory was there for a message
 * @cold_len: get.c's: of so many bytes
 * @faults: get.c's: how often memory has been brought in
 */
struct pyqueue_getter {
	struct iov_iter *to;
	struct pyqueue_result __user *result;
	bool empty_is_error;
	u64 needed;
	bool told;
	bool cold;
	u32 cold_len;
	unsigned int faults;
};

/* Fits its slot, and the stack. */
static inline bool pyqueue_is_short(const struct pyqueue *q, u64 len)
{
	return len <= PYQUEUE_SMALL && len <= pyq_ring_payload(&q->ring);
}

long pyqueue_put_short(struct pyqueue *q, const void __user *message, u32 len, u64 deadline_ns);
long pyqueue_put_message(struct pyqueue *q, struct iov_iter *from, u64 deadline_ns);
long pyqueue_fetch(struct pyqueue *q, const struct pyqueue_fetch *fetch);
long pyqueue_get_message(struct pyqueue *q, struct pyqueue_getter *g, u64 deadline_ns);
void pyqueue_drop(struct pyqueue *q);
int pyqueue_can_get(struct pyqueue *q);
int pyqueue_can_put(struct pyqueue *q);
int pyqueue_has_room(struct pyqueue *q);
bool pyqueue_get_ready(struct pyqueue *q);
bool pyqueue_put_ready(struct pyqueue *q);

/* --- mapping (mapping.c) ------------------------------------------------- */

int pyqueue_mmap(struct file *file, struct vm_area_struct *vma);
int pyqueue_owner_of(struct file *file, unsigned long addr);

/* --- what it holds (account.c) ------------------------------------------- */

bool pyqueue_join_ready(struct pyqueue *q);
long pyqueue_join(struct pyqueue *q, u64 deadline_ns);
long pyqueue_task_done(struct pyqueue *q, u32 count);
void pyqueue_dropped(struct pyqueue *q, u32 count);
u32 pyqueue_unfinished(struct pyqueue *q);
u64 pyqueue_count(struct pyqueue *q);
u64 pyqueue_glance(const struct pyqueue *q);
void pyqueue_fill_stat(struct pyqueue *q, struct pyqueue_stat *st, bool exact);

/* --- its end (shutdown.c) ------------------------------------------------ */

void pyqueue_shutdown(struct pyqueue *q, bool immediate);

/* --- ioctls (main.c, file.c) --------------------------------------------- */

/**
 * struct pyqueue_ioctl - one ioctl
 * @cmd: its number today; its structure may be shorter in an older program
 *	and longer in a newer one
 * @size: bytes of the structure's first version; never changes
 * @call: does it; @arg is the kernel's copy, @user the user's
 */
struct pyqueue_ioctl {
	unsigned int cmd;
	u32 size;
	long (*call)(struct file *file, void *arg, void __user *user);
};

/* Room for any of the argument structures. */
union pyqueue_any_arg {
	u32 size;
	struct pyqueue_create create;
	struct pyqueue_open open;
	struct pyqueue_unlink unlink;
	struct pyqueue_list list;
	struct pyqueue_info info;
	struct pyqueue_put put;
	struct pyqueue_get get;
	struct pyqueue_many many;
	struct pyqueue_task_done task_done;
	struct pyqueue_join join;
	struct pyqueue_shutdown shutdown;
	struct pyqueue_stat stat;
	struct pyqueue_owner owner;
	struct pyqueue_wake wake;
	struct pyqueue_await await;
	struct pyqueue_fetch fetch;
};

long pyqueue_ioctl_find(const struct pyqueue_ioctl *table, size_t n, unsigned int cmd,
			void __user *user, union pyqueue_any_arg *arg);
long pyqueue_ioctl(const struct pyqueue_ioctl *table, size_t n, struct file *file,
		   unsigned int cmd, unsigned long user);

/* What can be done by io_uring; the first ones may wait. */
#define PYQUEUE_URING_WAITS	4
extern const struct pyqueue_ioctl pyqueue_uring_ioctls[];
extern const size_t pyqueue_nr_uring_ioctls;

/* --- commands of io_uring (uring.c) ---------------------------------------- */

struct io_uring_cmd;

int pyqueue_uring_cmd(struct io_uring_cmd *cmd, unsigned int issue_flags);

extern const struct file_operations pyqueue_queue_fops;

#endif
