// SPDX-License-Identifier: GPL-2.0
/* The file of a queue: ioctls, read, write, poll. */
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "pyqueue.h"
#include "ring/sleepers.h"

/* How far out results lie in both structures that end with them. */
static_assert(offsetofend(struct pyqueue_get, pad) - offsetof(struct pyqueue_get, len) ==
	      sizeof(struct pyqueue_result));
static_assert(offsetofend(struct pyqueue_msg, pad) - offsetof(struct pyqueue_msg, len) ==
	      sizeof(struct pyqueue_result));

static __always_inline long pyqueue_ioctl_put(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_put *put = arg;
	struct iov_iter from;

	if (put->flags)
		return -EOPNOTSUPP;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if (put->len > PYQUEUE_MAX_MSG_MAX)
		return -E2BIG;
	iov_iter_ubuf(&from, ITER_SOURCE, u64_to_user_ptr(put->buf), put->len);
	return pyqueue_put_message(file->private_data, &from, put->deadline_ns);
}

/* A message is at most so long: more room than that makes no difference. */
static void pyqueue_iter_room(struct iov_iter *to, u64 buf, u64 len)
{
	iov_iter_ubuf(to, ITER_DEST, u64_to_user_ptr(buf), min_t(u64, len, PYQUEUE_MAX_MSG_MAX));
}

/*
 * @len is the user's own, which a call that restarts reads again. Of a later
 * element than the first nothing is told: the next call begins with that.
 */
static long pyqueue_get_told(struct pyqueue_getter *g, long ret, u64 len, bool first)
{
	bool too_long = ret == -EMSGSIZE && first;

	if (ret >= 0 || (!too_long && !g->told))
		return ret;
	return put_user(too_long ? g->needed : len, &g->result->len) ? -EFAULT : ret;
}

static __always_inline long pyqueue_ioctl_get(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_get *get = arg;
	struct iov_iter to;
	struct pyqueue_getter g = {
		.to = &to,
		.result = user + offsetof(struct pyqueue_get, len),
	};
	long ret;

	if (get->flags)
		return -EOPNOTSUPP;
	if (get->pad)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	pyqueue_iter_room(&to, get->buf, get->len);
	ret = pyqueue_get_message(file->private_data, &g, get->deadline_ns);
	return pyqueue_get_told(&g, ret, get->len, true);
}

static long pyqueue_put_element(struct pyqueue *q, struct pyqueue_msg __user *user,
				u64 deadline_ns, bool first)
{
	struct pyqueue_msg msg;
	struct iov_iter from;

	if (copy_from_user(&msg, user, sizeof(msg)))
		return -EFAULT;
	if (msg.pad)
		return -EINVAL;
	if (msg.len > PYQUEUE_MAX_MSG_MAX)
		return -E2BIG;
	iov_iter_ubuf(&from, ITER_SOURCE, u64_to_user_ptr(msg.buf), msg.len);
	return pyqueue_put_message(q, &from, deadline_ns);
}

static long pyqueue_get_element(struct pyqueue *q, struct pyqueue_msg __user *user,
				u64 deadline_ns, bool first)
{
	struct iov_iter to;
	struct pyqueue_getter g = { .to = &to, .result = (void __user *)&user->len };
	struct pyqueue_msg msg;
	long ret;

	if (copy_from_user(&msg, user, sizeof(msg)))
		return -EFAULT;
	if (msg.pad)
		return -EINVAL;
	pyqueue_iter_room(&to, msg.buf, msg.len);
	ret = pyqueue_get_message(q, &g, deadline_ns);
	return pyqueue_get_told(&g, ret, msg.len, first);
}

/*
 * Wait for the first only; what a later one meets shows in the next call. A signal ends
 * it: who spoils the ring can make each of them take its time.
 */
static long pyqueue_many(struct pyqueue *q, const struct pyqueue_many *many,
			 long (*element)(struct pyqueue *q, struct pyqueue_msg __user *user,
					 u64 deadline_ns, bool first))
{
	struct pyqueue_msg __user *msgs = u64_to_user_ptr(many->msgs);
	u64 deadline_ns = many->deadline_ns;
	u32 i;

	if (many->flags)
		return -EOPNOTSUPP;
	if (many->pad || !many->count || many->count > PYQUEUE_MANY_MAX)
		return -EINVAL;
	for (i = 0; i < many->count; i++) {
		long ret = element(q, &msgs[i], deadline_ns, !i);

		if (ret < 0)
			return i ?: ret;
		if (task_sigpending(current))
			return i + 1;
		deadline_ns = PYQUEUE_NOWAIT;
		cond_resched();
	}
	return i;
}

static long pyqueue_ioctl_put_many(struct file *file, void *arg, void __user *user)
{
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return pyqueue_many(file->private_data, arg, pyqueue_put_element);
}

static long pyqueue_ioctl_get_many(struct file *file, void *arg, void __user *user)
{
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	return pyqueue_many(file->private_data, arg, pyqueue_get_element);
}

static long pyqueue_ioctl_qsize(struct file *file, void *arg, void __user *user)
{
	struct pyqueue *q = file->private_data;

	return READ_ONCE(q->broken) ? -EUCLEAN : min_t(u64, pyqueue_count(q), INT_MAX);
}

static long pyqueue_ioctl_task_done(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_task_done *done = arg;

	if (done->flags)
		return -EOPNOTSUPP;
	if (done->pad || !done->count)
		return -EINVAL;
	if (!(file->f_mode & FMODE_READ))
		return -EBADF;
	return pyqueue_task_done(file->private_data, done->count);
}

static long pyqueue_ioctl_join(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_join *join = arg;

	if (join->flags)
		return -EOPNOTSUPP;
	return pyqueue_join(file->private_data, join->deadline_ns);
}

static long pyqueue_ioctl_shutdown(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_shutdown *shutdown = arg;

	if (shutdown->flags & ~PYQUEUE_IMMEDIATE)
		return -EOPNOTSUPP;
	if (!(file->f_mode & FMODE_WRITE))
		return -EBADF;
	if ((shutdown->flags & PYQUEUE_IMMEDIATE) && !(file->f_mode & FMODE_READ))
		return -EBADF;
	pyqueue_shutdown(file->private_data, shutdown->flags & PYQUEUE_IMMEDIATE);
	return 0;
}

static long pyqueue_ioctl_stat(struct file *file, void *arg, void __user *user)
{
	struct pyqueue_stat *st = arg;

	if (st->flags)
		return -EOPNOTSUPP;
	pyqueue_fill_stat(file->private_data, st, true);
	return copy_to_user(user, st, min_t(size_t, st->size, sizeof(*st))) ? -EFAULT : 0;
}

/* What is for those who map the queue, or might. */
static int pyqueue_may_map(const struct file *file)
{
	const struct pyqueue *q = file->private_data;

	if (!(file->f_mode & FMODE_READ) || !(file->f_mode & FMODE_WRITE))
		return -EBADF;
	return q->flags & PYQUEUE_SEALED ? -EPERM : 0;
}

static long pyqueue_ioctl_owner(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_owner *args = arg;
	struct pyqueue_owner __user *uargs = user;
	int owner;

	if (args->flags)
		return -EOPNOTSUPP;
	if (args->pad)
		return -EINVAL;
	owner = pyqueue_may_map(file) ?: pyqueue_owner_of(file, args->addr);
	if (owner < 0)
		return owner;
	return put_user(owner, &uargs->owner) ? -EFAULT : 0;
}

static long pyqueue_ioctl_wake(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_wake *wake = arg;
	int err;

	if (wake->flags & ~(PYQUEUE_WAKE_GETTERS | PYQUEUE_WAKE_PUTTERS | PYQUEUE_WAKE_JOINERS |
			    PYQUEUE_WAKE_POLL_IN | PYQUEUE_WAKE_POLL_OUT | PYQUEUE_WAKE_BROKEN))
		return -EOPNOTSUPP;
	if (!wake->flags || wake->pad)
		return -EINVAL;
	err = pyqueue_may_map(file);
	if (!err)
		pyqueue_wake_claimed(file->private_data, wake->flags, wake->count);
	return err;
}

static long pyqueue_ioctl_await(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_await *await = arg;
	struct pyqueue *q = file->private_data;
	int err;

	if (await->flags & ~(PYQUEUE_READ | PYQUEUE_WRITE))
		return -EOPNOTSUPP;
	if (await->flags != PYQUEUE_READ && await->flags != PYQUEUE_WRITE)
		return -EINVAL;
	err = pyqueue_may_map(file);
	if (err)
		return err;
	return pyqueue_await(q, await->flags == PYQUEUE_READ ? &q->getters : &q->putters,
			     await->deadline_ns);
}

static long pyqueue_ioctl_fetch(struct file *file, void *arg, void __user *user)
{
	const struct pyqueue_fetch *fetch = arg;

	if (fetch->flags & ~(PYQUEUE_FETCH_COPY | PYQUEUE_FETCH_RELEASE))
		return -EOPNOTSUPP;
	if (!fetch->flags)
		return -EINVAL;
	return pyqueue_may_map(file) ?: pyqueue_fetch(file->private_data, fetch);
}

static const struct pyqueue_ioctl pyqueue_queue_ioctls[] = {
	{ PYQUEUE_IOC_PUT, 32, pyqueue_ioctl_put },
	{ PYQUEUE_IOC_GET, 48, pyqueue_ioctl_get },
	{ PYQUEUE_IOC_PUT_MANY, 32, pyqueue_ioctl_put_many },
	{ PYQUEUE_IOC_GET_MANY, 32, pyqueue_ioctl_get_many },
	{ PYQUEUE_IOC_QSIZE, 0, pyqueue_ioctl_qsize },
	{ PYQUEUE_IOC_TASK_DONE, 16, pyqueue_ioctl_task_done },
	{ PYQUEUE_IOC_JOIN, 16, pyqueue_ioctl_join },
	{ PYQUEUE_IOC_SHUTDOWN, 8, pyqueue_ioctl_shutdown },
	{ PYQUEUE_IOC_STAT, 96, pyqueue_ioctl_stat },
	{ PYQUEUE_IOC_OWNER, 24, pyqueue_ioctl_owner },
	{ PYQUEUE_IOC_WAKE, 16, pyqueue_ioctl_wake },
	{ PYQUEUE_IOC_AWAIT, 16, pyqueue_ioctl_await },
	{ PYQUEUE_IOC_FETCH, 40, pyqueue_ioctl_fetch },
};

const struct pyqueue_ioctl pyqueue_uring_ioctls[] = {
	{ PYQUEUE_IOC_PUT, 32, pyqueue_ioctl_put },
	{ PYQUEUE_IOC_GET, 48, pyqueue_ioctl_get },
	{ PYQUEUE_IOC_PUT_MANY, 32, pyqueue_ioctl_put_many },
	{ PYQUEUE_IOC_GET_MANY, 32, pyqueue_ioctl_get_many },
	{ PYQUEUE_IOC_TASK_DONE, 16, pyqueue_ioctl_task_done },
	{ PYQUEUE_IOC_WAKE, 16, pyqueue_ioctl_wake },
};

const size_t pyqueue_nr_uring_ioctls = ARRAY_SIZE(pyqueue_uring_ioctls);

/*
 * PUT and GET are where the time goes, and most programs have this kernel's
 * structure: then it is fetched without a call, and without a search; and a short message
 * goes the short way.
 */
static long pyqueue_queue_put(struct file *file, struct pyqueue_put __user *user)
{
	struct pyqueue *q = file->private_data;
	struct pyqueue_put put __uninitialized;

	if (!user_read_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_get_user(put.size, &user->size, fault);
	unsafe_get_user(put.flags, &user->flags, fault);
	unsafe_get_user(put.deadline_ns, &user->deadline_ns, fault);
	unsafe_get_user(put.buf, &user->buf, fault);
	unsafe_get_user(put.len, &user->len, fault);
	user_read_access_end();
	if (likely(put.size == sizeof(put) && !put.flags && pyqueue_is_short(q, put.len) &&
		   (file->f_mode & FMODE_WRITE)))
		return pyqueue_put_short(q, u64_to_user_ptr(put.buf), put.len, put.deadline_ns);
	return put.size == sizeof(put) ? pyqueue_ioctl_put(file, &put, user) : -EINVAL;

fault:
	user_read_access_end();
	return -EFAULT;
}

static long pyqueue_queue_get(struct file *file, struct pyqueue_get __user *user)
{
	struct pyqueue_get get __uninitialized;

	if (!user_read_access_begin(user, sizeof(*user)))
		return -EFAULT;
	unsafe_get_user(get.size, &user->size, fault);
	unsafe_get_user(get.flags, &user->flags, fault);
	unsafe_get_user(get.deadline_ns, &user->deadline_ns, fault);
	unsafe_get_user(get.buf, &user->buf, fault);
	unsafe_get_user(get.len, &user->len, fault);
	unsafe_get_user(get.pad, &user->pad, fault);
	user_read_access_end();
	return get.size == sizeof(get) ? pyqueue_ioctl_get(file, &get, user) : -EINVAL;

fault:
	user_read_access_end();
	return -EFAULT;
}

static long pyqueue_queue_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	void __user *uarg = (void __user *)user;

	if (cmd == PYQUEUE_IOC_PUT)
		return pyqueue_queue_put(file, uarg);
	if (cmd == PYQUEUE_IOC_GET)
		return pyqueue_queue_get(file, uarg);
	return pyqueue_ioctl(pyqueue_queue_ioctls, ARRAY_SIZE(pyqueue_queue_ioctls), file, cmd,
			     user);
}

/*
 * io_uring waits by polling. When it has been woken in vain often enough it has a worker
 * try, which must not sleep here: it would be in the line, and take a message, when its
 * ring is closed.
 */
static bool pyqueue_iocb_is_urings(const struct kiocb *iocb)
{
	return (iocb->ki_flags & IOCB_NOWAIT) || (current->flags & PF_IO_WORKER);
}

static u64 pyqueue_iocb_deadline(const struct kiocb *iocb)
{
	return (iocb->ki_filp->f_flags & O_NONBLOCK) || pyqueue_iocb_is_urings(iocb) ?
		PYQUEUE_NOWAIT : PYQUEUE_FOREVER;
}

/* io_uring does not restart, and of 6.12 shows what would be; nor is its work a signal. */
static long pyqueue_iocb_result(const struct kiocb *iocb, long ret)
{
	if (ret != -ERESTARTSYS || !pyqueue_iocb_is_urings(iocb))
		return ret;
	return task_sigpending(current) ? -EINTR : -EAGAIN;
}

static ssize_t pyqueue_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct pyqueue_getter g = { .to = to, .empty_is_error = true };
	long ret = pyqueue_get_message(iocb->ki_filp->private_data, &g,
					pyqueue_iocb_deadline(iocb));

	if (ret > 0)
		iov_iter_advance(to, ret);
	return ret == -ESHUTDOWN ? 0 : pyqueue_iocb_result(iocb, ret);
}

static ssize_t pyqueue_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	size_t len = iov_iter_count(from);
	long ret;

	if (!len)
		return -EINVAL;
	ret = pyqueue_put_message(iocb->ki_filp->private_data, from, pyqueue_iocb_deadline(iocb));
	return ret ? pyqueue_iocb_result(iocb, ret) : len;
}

/*
 * On the list first, then to be seen by those who map the queue, then look. Who polls
 * for nothing but its end waits for the last message to go.
 */
static __poll_t pyqueue_poll(struct file *file, struct poll_table_struct *wait)
{
	const __poll_t out_events = EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND;
	const __poll_t in_events = EPOLLIN | EPOLLRDNORM | EPOLLRDBAND;
	const __poll_t events = poll_requested_events(wait);
	struct pyqueue *q = file->private_data;
	__poll_t mask = 0;
	int in, out;

	poll_wait(file, &q->pollers, wait);
	if (events & out_events) {
		pyqueue_poller_enter(&q->putters); /* H */
		pyqueue_call_other_side(q, &q->putters);
	}
	if (!(events & out_events) || events & in_events) {
		pyqueue_poller_enter(&q->getters); /* H */
		pyqueue_call_other_side(q, &q->getters);
	}

	/* Also what nobody has asked for: its end, and that it is broken. */
	in = pyqueue_can_get(q);
	if (in != -EAGAIN)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (in == -ESHUTDOWN)
		mask |= EPOLLHUP;
	if (in == -EUCLEAN)
		mask |= EPOLLERR;
	if (!(events & out_events))
		return mask;
	out = pyqueue_can_put(q);
	if (out != -EAGAIN)
		mask |= EPOLLOUT | EPOLLWRNORM;
	if (out == -EUCLEAN)
		mask |= EPOLLERR;
	return mask;
}

static int pyqueue_release(struct inode *inode, struct file *file)
{
	pyqueue_put_ref(file->private_data);
	return 0;
}

#ifdef CONFIG_PROC_FS
static void pyqueue_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct pyqueue_stat st;

	pyqueue_fill_stat(file->private_data, &st, false);
	seq_printf(m, "pyqueue-id:\t%llu\n", st.id);
	seq_printf(m, "pyqueue-maxsize:\t%lld\n", st.maxsize);
	seq_printf(m, "pyqueue-qsize:\t%llu\n", st.qsize);
	seq_printf(m, "pyqueue-unfinished:\t%u\n", st.unfinished);
	seq_printf(m, "pyqueue-getters:\t%u\n", st.getters);
	seq_printf(m, "pyqueue-putters:\t%u\n", st.putters);
	seq_printf(m, "pyqueue-joiners:\t%u\n", st.joiners);
	seq_printf(m, "pyqueue-owners:\t%u\n", st.owners);
	seq_printf(m, "pyqueue-large-bytes:\t%llu\n", st.large_bytes);
	seq_printf(m, "pyqueue-flags:\t%#x\n", st.flags);
}
#endif

const struct file_operations pyqueue_queue_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = pyqueue_queue_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.read_iter = pyqueue_read_iter,
	.write_iter = pyqueue_write_iter,
	.poll = pyqueue_poll,
	.uring_cmd = pyqueue_uring_cmd,
	.mmap = pyqueue_mmap,
	.release = pyqueue_release,
#ifdef CONFIG_PROC_FS
	.show_fdinfo = pyqueue_show_fdinfo,
#endif
};
