// SPDX-License-Identifier: MIT
/* Queues of the kernel module, by the ioctls of linux/pyqueue.h. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/pyqueue.h>

#include "deadline.h"
#include "descriptor.h"
#include "ioctl.h"
#include "kernel.h"

/* These pass through. */
_Static_assert(PYQI_NOWAIT == PYQUEUE_NOWAIT && PYQI_FOREVER == PYQUEUE_FOREVER, "deadlines");
_Static_assert(PYQ_SEALED == PYQUEUE_SEALED, "flags of create");
_Static_assert(PYQ_MAPPABLE == PYQUEUE_MAPPABLE, "flags of create");
_Static_assert(PYQ_EXCL == PYQUEUE_EXCL, "flags of create");
_Static_assert(PYQ_READ == PYQUEUE_READ && PYQ_WRITE == PYQUEUE_WRITE, "flags of open");
_Static_assert((uid_t)-1 == PYQUEUE_ID_CALLER && (gid_t)-1 == PYQUEUE_ID_CALLER, "ids");

/* Messages handed over in one ioctl: enough to forget its price, 4 KiB of stack. */
#define CHUNK 128
_Static_assert(CHUNK <= PYQUEUE_MANY_MAX, "the kernel takes no more at once");

/* Names fetched in one ioctl: another 4 KiB. */
#define NAMES 16

/* No function: gcc would take a buffer that the kernel is to fill for one that is read. */
#define ADDRESS(p) ((uintptr_t)(p))

static uint32_t name_len(const char *name)
{
	size_t len = strlen(name);

	/* -ENAMETOOLONG is the kernel's to say: a later one may allow more. */
	return len > UINT32_MAX ? UINT32_MAX : (uint32_t)len;
}

/* In line where a message goes by it. */
static inline __attribute__((always_inline)) int call(int fd, unsigned long cmd, void *arg)
{
	long ret;

	do {
		/* Deadlines are absolute, so that the same arguments do again. */
		ret = pyqi_ioctl(fd, cmd, arg);
	} while (ret == -EINTR);
	return (int)ret;
}

int pyqi_kernel_call(int fd, unsigned long cmd, void *arg)
{
	return call(fd, cmd, arg);
}

static int device_open(void)
{
	PYQI_KEEP_ERRNO;
	int fd = open("/dev/pyqueue", O_RDWR | O_CLOEXEC);

	if (fd >= 0)
		return fd;
	/* No node, or one that a module which is gone has left behind. */
	if (errno == ENOENT || errno == ENXIO || errno == ENODEV)
		return -ENODEV;
	return -errno;
}

static void fd_close(int fd)
{
	PYQI_KEEP_ERRNO;

	close(fd);
}

/* The device is open for the length of one call: the library keeps no fd. */
static int device_call(unsigned long cmd, void *arg)
{
	int dev = device_open();
	int ret;

	if (dev < 0)
		return dev;
	ret = pyqi_kernel_call(dev, cmd, arg);
	fd_close(dev);
	return ret;
}

int pyqi_kernel_stat(pyq_queue *q, struct pyq_stat *st)
{
	struct pyqueue_stat args = { .size = sizeof(args) };
	int err = pyqi_kernel_call(q->fd, PYQUEUE_IOC_STAT, &args);

	if (err)
		return err;
	*st = (struct pyq_stat){
		.id = args.id,
		.maxsize = args.maxsize,
		.qsize = args.qsize,
		.max_msg = args.max_msg,
		.max_bytes = args.max_bytes,
		.large_bytes = args.large_bytes,
		.ring_bytes = args.ring_bytes,
		.payload = args.payload,
		.unfinished = args.unfinished,
		.getters = args.getters,
		.putters = args.putters,
		.joiners = args.joiners,
		.owners = args.owners,
		.mode = args.mode,
		.uid = args.uid,
		.gid = args.gid,
		.mapped = q->backend != &pyqi_kernel,
		.sealed = args.flags & PYQUEUE_SEALED,
		.shutdown = args.flags & PYQUEUE_STAT_SHUTDOWN,
		.named = args.flags & PYQUEUE_STAT_NAMED,
		.broken = args.flags & PYQUEUE_STAT_BROKEN,
	};
	return 0;
}

static unsigned int access_of(int fd)
{
	const int mode = fcntl(fd, F_GETFL);

	if (mode < 0)
		return 0;
	switch (mode & O_ACCMODE) {
	case O_RDONLY:
		return PYQ_READ;
	case O_WRONLY:
		return PYQ_WRITE;
	default:
		return PYQ_READ | PYQ_WRITE;
	}
}

static int kernel_attach(pyq_queue *q, int fd)
{
	struct pyq_stat st;
	int err;

	q->fd = fd;
	err = pyqi_kernel_stat(q, &st);
	/* What other drivers say to an ioctl that they do not know varies. */
	if (err)
		return err == -EBADF ? -EBADF : -ENOTTY;
	q->maxsize = st.maxsize;
	q->max_msg = st.max_msg;
	q->payload = pyqi_payload(st.payload, q->max_msg);
	q->access = access_of(fd);
	return pyqi_kernel_map(q);
}

/* @fd: what CREATE or OPEN returned */
static int attach_new(pyq_queue *q, int fd)
{
	int err;

	if (fd < 0)
		return fd;
	fd = pyqi_opened(fd);
	if (fd < 0)
		return fd;
	err = kernel_attach(q, fd);
	if (err)
		fd_close(fd);
	return err;
}

static int kernel_create(pyq_queue *q, const struct pyq_attr *attr)
{
	struct pyqueue_create args = {
		.size = sizeof(args),
		.flags = attr->flags,
		.maxsize = attr->maxsize,
		.max_msg = attr->max_msg,
		.max_bytes = attr->max_bytes,
		.payload = (uint32_t)attr->payload,
		.mode = attr->mode,
		.uid = PYQUEUE_ID_CALLER,
		.gid = PYQUEUE_ID_CALLER,
	};

	if (attr->name) {
		args.name = ADDRESS(attr->name);
		args.name_len = name_len(attr->name);
		if (!attr->mode)
			args.mode = 0600;
	}
	if (attr->owner) {
		args.uid = attr->owner->uid;
		args.gid = attr->owner->gid;
	}
	return attach_new(q, device_call(PYQUEUE_IOC_CREATE, &args));
}

static int kernel_open(pyq_queue *q, const char *name, unsigned int flags)
{
	struct pyqueue_open args = {
		.size = sizeof(args),
		.flags = flags,
		.name = ADDRESS(name),
		.name_len = name_len(name),
	};

	return attach_new(q, device_call(PYQUEUE_IOC_OPEN, &args));
}

static void kernel_close(pyq_queue *q)
{
	fd_close(q->fd);
}

int pyqi_kernel_put(pyq_queue *q, const void *data, size_t len, uint64_t deadline)
{
	struct pyqueue_put args = {
		.size = sizeof(args),
		.deadline_ns = deadline,
		.buf = ADDRESS(data),
		.len = len,
	};

	return call(q->fd, PYQUEUE_IOC_PUT, &args);
}

static inline __attribute__((always_inline)) ssize_t get_msg(pyq_queue *q, struct pyq_msg *msg,
							     uint64_t deadline)
{
	struct pyqueue_get args = {
		.size = sizeof(args),
		.deadline_ns = deadline,
		.buf = ADDRESS(msg->data),
		.len = msg->size,
	};
	int ret = call(q->fd, PYQUEUE_IOC_GET, &args);

	if (ret >= 0 || ret == -EMSGSIZE)
		msg->len = args.len;
	if (ret >= 0) {
		msg->id = args.position;
		msg->deliveries = args.deliveries;
	}
	return ret;
}

static ssize_t kernel_get_msg(pyq_queue *q, struct pyq_msg *msg, uint64_t deadline)
{
	return get_msg(q, msg, deadline);
}

static ssize_t kernel_get(pyq_queue *q, void *buf, size_t size, uint64_t deadline)
{
	struct pyq_msg msg = { .data = buf, .size = size };

	return get_msg(q, &msg, deadline);
}

static int many(pyq_queue *q, unsigned long cmd, struct pyqueue_msg *msgs, size_t count,
		uint64_t deadline)
{
	struct pyqueue_many args = {
		.size = sizeof(args),
		.deadline_ns = deadline,
		.msgs = ADDRESS(msgs),
		.count = (uint32_t)count,
	};

	return pyqi_kernel_call(q->fd, cmd, &args);
}

/*
 * Both go on in chunks for as long as a chunk is moved whole; only the first
 * one waits. What stops a later one shows in the caller's next call.
 */
ssize_t pyqi_kernel_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, uint64_t deadline)
{
	struct pyqueue_msg chunk[CHUNK];
	size_t done = 0;
	size_t count;
	int ret;

	if (n == 1) {
		ret = pyqi_kernel_put(q, msgs->data, msgs->len, deadline);
		return ret < 0 ? ret : 1;
	}
	do {
		count = n - done < CHUNK ? n - done : CHUNK;
		for (size_t i = 0; i < count; i++)
			chunk[i] = (struct pyqueue_msg){
				.buf = ADDRESS(msgs[done + i].data),
				.len = msgs[done + i].len,
			};
		ret = many(q, PYQUEUE_IOC_PUT_MANY, chunk, count, done ? PYQI_NOWAIT : deadline);
		if (ret < 0)
			return done ? (ssize_t)done : ret;
		done += (size_t)ret;
	} while (done < n && (size_t)ret == count);
	return (ssize_t)done;
}

ssize_t pyqi_kernel_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, uint64_t deadline)
{
	struct pyqueue_msg chunk[CHUNK];
	size_t done = 0;
	size_t count;
	int ret;

	if (n == 1) {
		ret = (int)get_msg(q, msgs, deadline);
		return ret < 0 ? ret : 1;
	}
	do {
		count = n - done < CHUNK ? n - done : CHUNK;
		for (size_t i = 0; i < count; i++)
			chunk[i] = (struct pyqueue_msg){
				.buf = ADDRESS(msgs[done + i].data),
				.len = msgs[done + i].size,
			};
		ret = many(q, PYQUEUE_IOC_GET_MANY, chunk, count, done ? PYQI_NOWAIT : deadline);
		if (ret == -EMSGSIZE)
			msgs[done].len = chunk[0].len;
		if (ret < 0)
			return done ? (ssize_t)done : ret;
		for (size_t i = 0; i < (size_t)ret; i++) {
			msgs[done + i].len = chunk[i].len;
			msgs[done + i].id = chunk[i].position;
			msgs[done + i].deliveries = chunk[i].deliveries;
		}
		done += (size_t)ret;
	} while (done < n && (size_t)ret == count);
	return (ssize_t)done;
}

static ssize_t kernel_qsize(pyq_queue *q)
{
	return pyqi_kernel_call(q->fd, PYQUEUE_IOC_QSIZE, NULL);
}

static int kernel_task_done(pyq_queue *q, unsigned int count)
{
	struct pyqueue_task_done args = { .size = sizeof(args), .count = count };

	return pyqi_kernel_call(q->fd, PYQUEUE_IOC_TASK_DONE, &args);
}

int pyqi_kernel_join(pyq_queue *q, uint64_t deadline)
{
	struct pyqueue_join args = { .size = sizeof(args), .deadline_ns = deadline };

	return pyqi_kernel_call(q->fd, PYQUEUE_IOC_JOIN, &args);
}

int pyqi_kernel_shutdown(pyq_queue *q, bool immediate)
{
	struct pyqueue_shutdown args = {
		.size = sizeof(args),
		.flags = immediate ? PYQUEUE_IMMEDIATE : 0,
	};

	return pyqi_kernel_call(q->fd, PYQUEUE_IOC_SHUTDOWN, &args);
}

static bool kernel_has(const char *name)
{
	struct pyqueue_open args = {
		.size = sizeof(args),
		.flags = PYQUEUE_READ,
		.name = ADDRESS(name),
		.name_len = name_len(name),
	};
	int fd, dev = device_open();

	if (dev < 0)
		return false;
	fd = pyqi_kernel_call(dev, PYQUEUE_IOC_OPEN, &args);
	fd_close(dev);
	if (fd >= 0)
		fd_close(fd);
	return fd >= 0 || fd == -EACCES;
}

static int kernel_unlink(const char *name)
{
	struct pyqueue_unlink args = {
		.size = sizeof(args),
		.name = ADDRESS(name),
		.name_len = name_len(name),
	};

	return device_call(PYQUEUE_IOC_UNLINK, &args);
}

static int report(const struct pyqueue_entry *entry,
		  int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	char text[PYQUEUE_NAME_MAX + 1]; /* a name of full length has no terminator */
	struct pyq_name name = {
		.name = text,
		.id = entry->id,
		.maxsize = entry->maxsize,
		.qsize = entry->qsize,
		.mode = entry->mode,
		.uid = entry->uid,
		.gid = entry->gid,
		.sealed = entry->flags & PYQUEUE_SEALED,
	};

	memcpy(text, entry->name, PYQUEUE_NAME_MAX);
	text[PYQUEUE_NAME_MAX] = '\0';
	return fn(&name, arg);
}

static int kernel_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg)
{
	struct pyqueue_entry entries[NAMES];
	struct pyqueue_list args = {
		.size = sizeof(args),
		.entries = ADDRESS(entries),
		.count = NAMES,
		.entry_size = sizeof(entries[0]),
	};
	int dev = device_open();
	int ret = 0;
	int n;

	if (dev < 0)
		return dev;
	do {
		n = pyqi_kernel_call(dev, PYQUEUE_IOC_LIST, &args);
		if (n < 0)
			ret = n;
		for (int i = 0; i < n && !ret; i++)
			ret = report(&entries[i], fn, arg);
	} while (!ret && args.cookie);
	fd_close(dev);
	return ret;
}

/* Words for the features in @bits; those without one, of later kernels, as "bitN". */
static void describe(uint64_t bits, char *text, size_t size)
{
	static const char *const names[] = { "names", "indirect", "mapping", "unbounded",
					     "uring_cmd" };
	char word[16];

	for (unsigned int i = 0; i < 64; i++) {
		if (!(bits >> i & 1))
			continue;
		if (i < sizeof(names) / sizeof(names[0]))
			snprintf(word, sizeof(word), "%s", names[i]);
		else
			snprintf(word, sizeof(word), "bit%u", i);
		if (strlen(text) + strlen(word) + 2 > size)
			return;
		if (*text)
			strcat(text, " ");
		strcat(text, word);
	}
}

static int kernel_info(struct pyq_info *info)
{
	PYQI_KEEP_ERRNO;
	struct pyqueue_info args = { .size = sizeof(args) };
	int err = device_call(PYQUEUE_IOC_INFO, &args);

	if (err)
		return err;
	describe(args.features, info->text, sizeof(info->text));
	info->abi_version = args.abi_version;
	info->maxsize_max = args.maxsize_max;
	info->max_msg_max = args.max_msg_max;
	info->payload_max = args.payload_max;
	info->max_user_queues = args.max_user_queues;
	info->max_user_bytes = args.max_user_bytes;
	info->user_queues = args.user_queues;
	info->user_bytes = args.user_bytes;
	return 0;
}

int pyqi_kernel_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd)
{
	if (!(q->access & access))
		return -EBADF;
	*pfd = (struct pollfd){ .fd = q->fd, .events = access == PYQ_READ ? POLLIN : POLLOUT };
	return 0;
}

const struct pyqi_backend pyqi_kernel = {
	.name = "kernel",
	.create = kernel_create,
	.open = kernel_open,
	.attach = kernel_attach,
	.close = kernel_close,
	.put = pyqi_kernel_put,
	.get = kernel_get,
	.get_msg = kernel_get_msg,
	.put_many = pyqi_kernel_put_many,
	.get_many = pyqi_kernel_get_many,
	.qsize = kernel_qsize,
	.task_done = kernel_task_done,
	.join = pyqi_kernel_join,
	.shutdown = pyqi_kernel_shutdown,
	.stat = pyqi_kernel_stat,
	.pollfd = pyqi_kernel_pollfd,
	.has = kernel_has,
	.unlink = kernel_unlink,
	.list = kernel_list,
	.info = kernel_info,
};
