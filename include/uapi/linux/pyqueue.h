/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * pyqueue: bounded blocking queues between processes, behind /dev/pyqueue.
 *
 * This file is the whole contract between the kernel module and user space:
 * the ioctls, their errors, and the layout of a queue's shared memory. The
 * text for people is docs/kernel-contract.md, the ring's is docs/ring.md.
 */
#ifndef _UAPI_LINUX_PYQUEUE_H
#define _UAPI_LINUX_PYQUEUE_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Raised only when an old program could no longer work. */
#define PYQUEUE_ABI_VERSION	1

/* Bytes of a name, without a terminator: no '/', no control characters, not "." or "..". */
#define PYQUEUE_NAME_MAX	200

/* Bounds that CREATE accepts; INFO reports them too. */
#define PYQUEUE_MAXSIZE_MAX	(1 << 26)	/* messages in one queue */
#define PYQUEUE_PAYLOAD_MIN	48		/* bytes in the smallest slot */
#define PYQUEUE_PAYLOAD_MAX	65520		/* bytes in the largest slot */
#define PYQUEUE_PAYLOAD_DEFAULT	240
#define PYQUEUE_MAX_MSG_DEFAULT	(1 << 20)
#define PYQUEUE_MAX_MSG_MAX	(64 << 20)
#define PYQUEUE_MANY_MAX	1024		/* messages a call, PUT_MANY, GET_MANY */
#define PYQUEUE_OWNERS_MAX	4095		/* mappings of one queue at a time */

/*
 * A deadline is absolute CLOCK_MONOTONIC time in nanoseconds, of the caller's
 * time namespace. These two are not points in time:
 */
#define PYQUEUE_NOWAIT		0ULL			/* -EAGAIN instead of waiting */
#define PYQUEUE_FOREVER		(~0ULL)			/* wait without a limit */

/*
 * Argument structures
 *
 * Each starts with its own size, sizeof() of the structure that the program
 * was compiled with, which is also the size in the ioctl's number. Structures
 * grow at the end. For all of them:
 *
 *   -EFAULT      the structure, or a buffer that it names, cannot be accessed
 *   -EINVAL      @size is not the size in the ioctl's number, or is smaller
 *                than the first version of the structure; padding is not zero
 *   -E2BIG       the structure is longer than this kernel knows, and what it
 *                does not know is not zero
 *   -EOPNOTSUPP  a flag that this kernel does not know, or a value that is
 *                defined but not available here
 *   -ENOTTY      not an ioctl of this kind of file
 *
 * A call that fails with one of these has changed nothing.
 */

/* --- on /dev/pyqueue ----------------------------------------------------- */

/* Only the kernel touches the ring: it cannot be mapped, hence not spoilt. */
#define PYQUEUE_SEALED		(1U << 0)
/*
 * May be mapped although the mode lets others in. A named queue whose mode
 * has bits for group or others, or whose owner is not the caller, is sealed
 * without this. Not with _SEALED (-EINVAL).
 */
#define PYQUEUE_MAPPABLE	(1U << 1)
/* With a name: -EEXIST if there is one; otherwise CREATE opens that one. */
#define PYQUEUE_EXCL		(1U << 2)
/* The new file descriptor has O_NONBLOCK: read() and write() do not wait. */
#define PYQUEUE_NONBLOCK	(1U << 3)
/* OPEN: what the file descriptor can do. CREATE always gives both. */
#define PYQUEUE_READ		(1U << 4)	/* get */
#define PYQUEUE_WRITE		(1U << 5)	/* put */

/* @uid, @gid: the caller's own */
#define PYQUEUE_ID_CALLER	(~0U)

/**
 * struct pyqueue_create - make a queue, or open a named one that exists
 * @size: sizeof(struct pyqueue_create)
 * @flags: PYQUEUE_SEALED, _MAPPABLE, _EXCL, _NONBLOCK
 * @maxsize: bound on the number of messages, 1 to PYQUEUE_MAXSIZE_MAX; 0 or
 *	less is an unbounded queue (PYQUEUE_FEAT_UNBOUNDED): only memory is a
 *	bound, a put never waits
 * @max_msg: bound on the bytes of one message; 0 for the default
 * @max_bytes: bound on the bytes of messages that do not fit a slot or, of an
 *	unbounded queue, the ring, over the whole queue; 0 for none but the user's
 *	own (&struct pyqueue_info)
 * @payload: bytes of a message that fit a slot, rounded up to 64 * n - 16;
 *	0 for the default. Larger messages cost an allocation each.
 * @mode: permissions of a name, 0777 at most; only read (get) and write (put)
 *	bits count. The umask does not apply.
 * @name: user pointer to the name, no terminator; 0 for an anonymous queue
 * @name_len: bytes at @name
 * @uid: owner of the name; another's needs CAP_CHOWN
 * @gid: group of the name; one the caller is not in needs CAP_CHOWN
 * @pad: 0
 *
 * Returns a file descriptor (O_RDWR, O_CLOEXEC). It is the queue: fork(),
 * SCM_RIGHTS and pidfd_getfd() pass it on, and the last one closed frees the
 * queue if it has no name. If @name exists and PYQUEUE_EXCL is not set, that
 * queue is opened as by OPEN for reading and writing, and the other members
 * are not looked at beyond the checks on their values.
 *
 * Names live in the caller's network namespace, until UNLINK or until the
 * namespace or the module goes.
 *
 *   -EEXIST   PYQUEUE_EXCL and the name exists
 *   -EACCES   the name exists, and its mode does not let the caller in
 *   -EPERM    @uid or @gid is somebody else's and the caller lacks CAP_CHOWN
 *   -EINVAL   @maxsize, @payload, @max_msg or @mode out of range; a bad name;
 *             @mode, @uid, @gid or _EXCL without a name
 *   -ENAMETOOLONG  @name_len is over PYQUEUE_NAME_MAX
 *   -ENOSPC   the user has max_user_queues queues (module parameter)
 *   -EDQUOT   the user's queues would hold over max_user_bytes bytes
 *   -ENOMEM   no memory, or the memory cgroup's limit
 *   -EMFILE, -ENFILE  no file descriptor to be had
 */
struct pyqueue_create {
	__u32 size;
	__u32 flags;
	__s64 maxsize;
	__aligned_u64 max_msg;
	__aligned_u64 max_bytes;
	__u32 payload;
	__u32 mode;
	__aligned_u64 name;
	__u32 name_len;
	__u32 uid;
	__u32 gid;
	__u32 pad;
};

/**
 * struct pyqueue_open - open a named queue
 * @size: sizeof(struct pyqueue_open)
 * @flags: PYQUEUE_READ, PYQUEUE_WRITE or both; PYQUEUE_NONBLOCK
 * @name: user pointer to the name
 * @name_len: bytes at @name
 * @pad: 0
 *
 * Returns a file descriptor (O_CLOEXEC). The mode is checked as for a file;
 * CAP_DAC_OVERRIDE over the network namespace's owner overrides it, for owners
 * and groups that are mapped there.
 *
 *   -ENOENT   no such name in this network namespace
 *   -EACCES   the mode does not allow it
 *   -EINVAL   neither READ nor WRITE; a bad name
 *   -ENAMETOOLONG, -EMFILE, -ENFILE, -ENOMEM  as CREATE
 */
struct pyqueue_open {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 pad;
};

/**
 * struct pyqueue_unlink - remove a name
 * @size: sizeof(struct pyqueue_unlink)
 * @flags: 0
 * @name: user pointer to the name
 * @name_len: bytes at @name
 * @pad: 0
 *
 * The queue itself goes with its last file descriptor; who has it open goes
 * on using it. Allowed to the name's owner, and with CAP_FOWNER over the
 * network namespace's owner if the name's owner and group are mapped there.
 *
 *   -ENOENT   no such name in this network namespace
 *   -EPERM    not the owner
 *   -EINVAL, -ENAMETOOLONG  a bad name
 */
struct pyqueue_unlink {
	__u32 size;
	__u32 flags;
	__aligned_u64 name;
	__u32 name_len;
	__u32 pad;
};

/**
 * struct pyqueue_entry - one name, as LIST reports it
 * @id: the queue's number, never used twice while the module is loaded
 * @maxsize: bound on the number of messages, 0 for none
 * @qsize: messages in it, about: those that have been given back do not count
 * @mode: permissions
 * @uid: owner, in the caller's user namespace (overflow id if unmapped)
 * @gid: group, likewise
 * @flags: PYQUEUE_SEALED
 * @name_len: bytes of @name
 * @pad: 0
 * @name: the name, zero-filled
 */
struct pyqueue_entry {
	__aligned_u64 id;
	__s64 maxsize;
	__aligned_u64 qsize;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 flags;
	__u32 name_len;
	__u32 pad;
	__u8 name[PYQUEUE_NAME_MAX];
};

/**
 * struct pyqueue_list - the names that the caller may open
 * @size: sizeof(struct pyqueue_list)
 * @flags: 0
 * @entries: user pointer to room for @count entries
 * @count: how many fit
 * @entry_size: sizeof(struct pyqueue_entry) as compiled; entries are that far
 *	apart, filled with zeros where this kernel knows less
 * @cookie: in: 0 for the start, or what the last call left here; out: where
 *	to go on, or 0 at the end
 *
 * Returns how many entries it filled. Names that come or go between two calls
 * may be seen or not; one that stays is seen exactly once.
 *
 *   -EINVAL   @count is 0, or @entry_size too small or over 4096
 */
struct pyqueue_list {
	__u32 size;
	__u32 flags;
	__aligned_u64 entries;
	__u32 count;
	__u32 entry_size;
	__aligned_u64 cookie;
};

/* What this kernel can do: bits of pyqueue_info.features. */
#define PYQUEUE_FEAT_NAMES	(1ULL << 0)	/* named queues */
#define PYQUEUE_FEAT_INDIRECT	(1ULL << 1)	/* messages larger than a slot */
#define PYQUEUE_FEAT_MAPPING	(1ULL << 2)	/* mmap() of a queue */
#define PYQUEUE_FEAT_UNBOUNDED	(1ULL << 3)	/* maxsize <= 0 */
#define PYQUEUE_FEAT_URING_CMD	(1ULL << 4)	/* parked uring_cmd put and get */

/**
 * struct pyqueue_info - what this kernel can do
 * @size: sizeof(struct pyqueue_info)
 * @flags: 0
 * @abi_version: out: PYQUEUE_ABI_VERSION
 * @name_max: out: PYQUEUE_NAME_MAX
 * @features: out: PYQUEUE_FEAT_ bits
 * @maxsize_max: out: largest maxsize
 * @max_msg_max: out: largest max_msg
 * @payload_max: out: largest payload
 * @many_max: out: most messages a call
 * @max_user_queues: out: module parameter; each user's bound, now
 * @max_user_bytes: out: module parameter; each user's bound, now
 * @user_queues: out: queues of the calling user
 * @user_bytes: out: their bytes
 */
struct pyqueue_info {
	__u32 size;
	__u32 flags;
	__u32 abi_version;
	__u32 name_max;
	__aligned_u64 features;
	__aligned_u64 maxsize_max;
	__aligned_u64 max_msg_max;
	__u32 payload_max;
	__u32 many_max;
	__aligned_u64 max_user_queues;
	__aligned_u64 max_user_bytes;
	__aligned_u64 user_queues;
	__aligned_u64 user_bytes;
};

/* --- on a queue ---------------------------------------------------------- */

/*
 * read() and write() move one message a call and honour O_NONBLOCK; the
 * ioctls look at their deadline only. PUT and write() need an fd that is open
 * for writing, GET, read() and TASK_DONE one open for reading (-EBADF).
 *
 * read() of a message of length 0 fails with -EBADMSG and leaves it there
 * (GET takes it), because 0 from read() means that the queue is shut down and
 * empty. write() of 0 bytes fails with -EINVAL, for the same reason.
 *
 * A wait that a signal interrupts returns -ERESTARTSYS: it goes on by itself
 * against the same deadline after a handler with SA_RESTART, otherwise the
 * call fails with -EINTR and nothing has happened. Who was first to wait is
 * first to be woken. Somebody killed in his sleep has done nothing.
 */

/**
 * struct pyqueue_put - put one message
 * @size: sizeof(struct pyqueue_put)
 * @flags: 0
 * @deadline_ns: absolute, or PYQUEUE_NOWAIT, PYQUEUE_FOREVER
 * @buf: user pointer to the message
 * @len: its bytes, 0 to max_msg
 *
 * Returns 0.
 *
 *   -EAGAIN     full, and PYQUEUE_NOWAIT
 *   -ETIMEDOUT  full until the deadline
 *   -ESHUTDOWN  the queue is shut down
 *   -E2BIG      @len is over the queue's max_msg
 *   -ENOBUFS    what is not in the ring would exceed the queue's max_bytes
 *   -EDQUOT     the same, the creator's max_user_bytes
 *   -ENOMEM     no memory, or the memory cgroup's limit
 *   -EINTR      a signal
 *   -EBADF      not open for writing
 *   -EUCLEAN    the queue's shared memory is spoilt
 */
struct pyqueue_put {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline_ns;
	__aligned_u64 buf;
	__aligned_u64 len;
};

/**
 * struct pyqueue_get - get one message
 * @size: sizeof(struct pyqueue_get)
 * @flags: 0
 * @deadline_ns: absolute, or PYQUEUE_NOWAIT, PYQUEUE_FOREVER
 * @buf: user pointer to room for a message
 * @len: in: bytes of room; out: bytes of the message, also with -EMSGSIZE
 * @position: out: the message's number in this queue, never used twice
 * @deliveries: out: 1, or more if somebody died with the message in hand
 * @pad: 0
 *
 * Returns the bytes of the message. If this fails with -EFAULT, the message
 * is in the queue and is served before newer ones; if it had been in hand, it
 * does not count against maxsize until it is taken, as a message whose getter
 * died does not. After a failure what is at @buf, in @position and in
 * @deliveries is not defined.
 *
 *   -EAGAIN     empty, and PYQUEUE_NOWAIT
 *   -ETIMEDOUT  empty until the deadline
 *   -ESHUTDOWN  shut down and empty; a message that somebody has in hand may
 *               still come back
 *   -EMSGSIZE   the next message is longer than @len: it stays where it is
 *   -EINTR      a signal
 *   -EBADF      not open for reading
 *   -EUCLEAN    the queue's shared memory is spoilt
 */
struct pyqueue_get {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline_ns;
	__aligned_u64 buf;
	__aligned_u64 len;
	__aligned_u64 position;
	__u32 deliveries;
	__u32 pad;
};

/**
 * struct pyqueue_msg - one message of PUT_MANY or GET_MANY
 * @buf: user pointer to the message, or to room for one
 * @len: put: its bytes; get: in: bytes of room, out: bytes of the message
 * @position: get, out: as &struct pyqueue_get
 * @deliveries: get, out: as &struct pyqueue_get
 * @pad: 0
 */
struct pyqueue_msg {
	__aligned_u64 buf;
	__aligned_u64 len;
	__aligned_u64 position;
	__u32 deliveries;
	__u32 pad;
};

/**
 * struct pyqueue_many - put or get several messages in one call
 * @size: sizeof(struct pyqueue_many)
 * @flags: 0
 * @deadline_ns: absolute, or PYQUEUE_NOWAIT, PYQUEUE_FOREVER
 * @msgs: user pointer to @count &struct pyqueue_msg
 * @count: 1 to PYQUEUE_MANY_MAX
 * @pad: 0
 *
 * Waits for the first message only, then moves what can be moved at once.
 * Returns how many, at least 1: the first of the array, in order. An error
 * that meets a later one ends the call there and shows in the next, and so
 * does a signal; if it meets the first, it is returned. Each message is atomic for itself.
 *
 * Errors as PUT and GET, and -EINVAL if @count is 0 or over PYQUEUE_MANY_MAX.
 * With -EMSGSIZE the first element's @len says what is needed.
 */
struct pyqueue_many {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline_ns;
	__aligned_u64 msgs;
	__u32 count;
	__u32 pad;
};

/**
 * struct pyqueue_task_done - say that messages taken have been dealt with
 * @size: sizeof(struct pyqueue_task_done)
 * @flags: 0
 * @count: how many, 1 or more
 * @pad: 0
 *
 * Returns 0.
 *
 *   -EINVAL   @count is 0, or more than are unfinished: nothing is counted
 *   -EUCLEAN  the queue's shared memory is spoilt
 */
struct pyqueue_task_done {
	__u32 size;
	__u32 flags;
	__u32 count;
	__u32 pad;
};

/**
 * struct pyqueue_join - wait until every message put has been dealt with
 * @size: sizeof(struct pyqueue_join)
 * @flags: 0
 * @deadline_ns: absolute, or PYQUEUE_NOWAIT, PYQUEUE_FOREVER
 *
 * Returns 0. At most 2^31 - 1 unfinished messages are counted right.
 *
 *   -EAGAIN     some are unfinished, and PYQUEUE_NOWAIT
 *   -ETIMEDOUT  some are unfinished until the deadline
 *   -EINTR      a signal
 *   -EUCLEAN    the queue's shared memory is spoilt
 */
struct pyqueue_join {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline_ns;
};

/* SHUTDOWN: drop what is in the queue; it counts as done. */
#define PYQUEUE_IMMEDIATE	(1U << 0)

/**
 * struct pyqueue_shutdown - end the queue and wake everybody who waits
 * @size: sizeof(struct pyqueue_shutdown)
 * @flags: PYQUEUE_IMMEDIATE or 0
 *
 * Returns 0, also when it was shut down before. From then on puts fail with
 * -ESHUTDOWN, and gets once the queue is empty. Needs an fd that is open for
 * writing; PYQUEUE_IMMEDIATE needs one open for both (-EBADF).
 */
struct pyqueue_shutdown {
	__u32 size;
	__u32 flags;
};

/* pyqueue_stat.flags, beside PYQUEUE_SEALED */
#define PYQUEUE_STAT_SHUTDOWN	(1U << 16)	/* SHUTDOWN has been called */
#define PYQUEUE_STAT_NAMED	(1U << 17)	/* has a name (not unlinked) */
#define PYQUEUE_STAT_BROKEN	(1U << 18)	/* calls fail with -EUCLEAN */

/**
 * struct pyqueue_stat - a queue as it is now
 * @size: sizeof(struct pyqueue_stat)
 * @flags: in: 0; out: PYQUEUE_SEALED, PYQUEUE_STAT_ bits
 * @id: out: the queue's number, never used twice while the module is loaded
 * @maxsize: out: bound on the number of messages, 0 for none
 * @qsize: out: messages in it
 * @max_msg: out: bound on the bytes of one message
 * @max_bytes: out: bound on @large_bytes, 0 for none
 * @large_bytes: out: bytes of messages in it that are not in the ring
 * @ring_bytes: out: bytes of the ring itself
 * @payload: out: bytes that fit a slot
 * @unfinished: out: messages that join waits for
 * @getters: out: sleeping in get
 * @putters: out: sleeping in put
 * @joiners: out: sleeping in join
 * @mode: out: permissions of the name, 0 if anonymous
 * @uid: out: owner, in the caller's user namespace
 * @gid: out: group, in the caller's user namespace
 * @owners: out: how often it is mapped
 * @slots: out: messages that the ring of an unbounded queue has room for, 0 if bounded
 * @map_bytes: out: what mmap() takes; 0: it is sealed
 */
struct pyqueue_stat {
	__u32 size;
	__u32 flags;
	__aligned_u64 id;
	__s64 maxsize;
	__aligned_u64 qsize;
	__aligned_u64 max_msg;
	__aligned_u64 max_bytes;
	__aligned_u64 large_bytes;
	__aligned_u64 ring_bytes;
	__u32 payload;
	__u32 unfinished;
	__u32 getters;
	__u32 putters;
	__u32 joiners;
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 owners;
	__u32 slots;
	__aligned_u64 map_bytes;
};

/* --- on a queue, for those who map it ------------------------------------ */

/*
 * mmap() of all of a queue at offset 0, MAP_SHARED, makes the caller a
 * participant of its ring, with an owner number of its own for each mapping.
 * The mapping cannot be split, moved or resized, and a forked child does not
 * have it. When it goes, by munmap(), exec(), exit() or any death, the kernel
 * settles at once what its owner has left in the ring: a message being put is
 * gone, one in hand comes again with a delivery count above 1, those who wait
 * are woken. (While a core is being dumped the mapping is still there.)
 *
 *   -EPERM    the queue is sealed, or PROT_EXEC
 *   -EACCES   the file descriptor is not open for reading and writing
 *   -EINVAL   not MAP_SHARED, not all of the queue, or not from its start
 *   -EUSERS   PYQUEUE_OWNERS_MAX mappings
 *   -ENOMEM   no memory
 *
 * madvise(MADV_DOFORK) gives a child the same owner number as its parent: what
 * the child does under it is settled with the parent's death, and again with
 * its own.
 */

/*
 * The ioctls below need a queue that is not sealed (-EPERM), and a descriptor
 * open for both (-EBADF).
 */

/**
 * struct pyqueue_owner - which owner number a mapping has
 * @size: sizeof(struct pyqueue_owner)
 * @flags: 0
 * @addr: an address in the mapping
 * @owner: out: its number, 1 to PYQUEUE_OWNERS_MAX
 * @pad: 0
 *
 * Returns 0.
 *
 *   -ENXIO    at @addr the caller has no mapping of this file
 */
struct pyqueue_owner {
	__u32 size;
	__u32 flags;
	__aligned_u64 addr;
	__u32 owner;
	__u32 pad;
};

#define PYQUEUE_WAKE_GETTERS	(1U << 0)	/* @count who sleep in get */
#define PYQUEUE_WAKE_PUTTERS	(1U << 1)	/* @count who sleep in put */
#define PYQUEUE_WAKE_JOINERS	(1U << 2)	/* all who sleep in join */
#define PYQUEUE_WAKE_POLL_IN	(1U << 3)	/* all who poll for a message, to look again */
#define PYQUEUE_WAKE_POLL_OUT	(1U << 4)	/* all who poll for room */
#define PYQUEUE_WAKE_BROKEN	(1U << 5)	/* the ring is spoilt: tell everybody */

/**
 * struct pyqueue_wake - wake those whom the ring's new state concerns
 * @size: sizeof(struct pyqueue_wake)
 * @flags: PYQUEUE_WAKE_, at least one (-EINVAL)
 * @count: how many; they have been claimed in &struct pyqueue_waiters
 * @pad: 0
 *
 * Returns 0. Who is woken for nothing looks, and sleeps on.
 */
struct pyqueue_wake {
	__u32 size;
	__u32 flags;
	__u32 count;
	__u32 pad;
};

/**
 * struct pyqueue_await - sleep until a message or room can be claimed
 * @size: sizeof(struct pyqueue_await)
 * @flags: PYQUEUE_READ, for a message, or PYQUEUE_WRITE, for room (otherwise -EINVAL)
 * @deadline_ns: absolute, or PYQUEUE_NOWAIT, PYQUEUE_FOREVER
 *
 * Returns 0: a claim would not find the queue empty (full), or would say why
 * there will be none. Somebody else may be quicker. Who has been woken and does
 * not claim wakes the next (&struct pyqueue_wake); the end of his mapping, by his
 * death or otherwise, does it for him. Whoever awaits has the queue mapped, therefore.
 * It first moves into the ring what waits outside of it; there is room for others
 * when nothing does.
 *
 *   -EAGAIN     empty (full), and PYQUEUE_NOWAIT
 *   -ETIMEDOUT  empty (full) until the deadline
 *   -EINTR      a signal
 *   -ESHUTDOWN  no room: the queue is shut down
 *   -EUCLEAN    the queue is broken
 */
struct pyqueue_await {
	__u32 size;
	__u32 flags;
	__aligned_u64 deadline_ns;
};

#define PYQUEUE_FETCH_COPY	(1U << 0)	/* copy the message to @buf */
#define PYQUEUE_FETCH_RELEASE	(1U << 1)	/* then end the get: free its slot */

/**
 * struct pyqueue_fetch - a claimed message that is not in its slot
 * @size: sizeof(struct pyqueue_fetch)
 * @flags: PYQUEUE_FETCH_ (-EINVAL if none)
 * @position: of the slot
 * @word: the slot's, as claimed: READING, with PYQUEUE_SLOT_INDIRECT
 * @buf: user pointer to room for the message
 * @len: bytes of room
 *
 * The claim, and what it owes, is the caller's own. Returns the message's bytes.
 * If it fails the slot is what it was.
 *
 *   -EMSGSIZE    the message is longer than @len
 *   -EINVAL      @word is no such claim of @position by an owner
 *   -EOWNERDEAD  the slot is not so claimed any more
 *   -EUCLEAN     there is no such message: the queue's shared memory is spoilt
 */
struct pyqueue_fetch {
	__u32 size;
	__u32 flags;
	__aligned_u64 position;
	__aligned_u64 word;
	__aligned_u64 buf;
	__aligned_u64 len;
};

#define PYQUEUE_IOC_MAGIC	0xBD

/* on /dev/pyqueue */
#define PYQUEUE_IOC_INFO	_IOWR(PYQUEUE_IOC_MAGIC, 0x00, struct pyqueue_info)
#define PYQUEUE_IOC_CREATE	_IOW(PYQUEUE_IOC_MAGIC, 0x01, struct pyqueue_create)
#define PYQUEUE_IOC_OPEN	_IOW(PYQUEUE_IOC_MAGIC, 0x02, struct pyqueue_open)
#define PYQUEUE_IOC_UNLINK	_IOW(PYQUEUE_IOC_MAGIC, 0x03, struct pyqueue_unlink)
#define PYQUEUE_IOC_LIST	_IOWR(PYQUEUE_IOC_MAGIC, 0x04, struct pyqueue_list)

/* on a queue */
#define PYQUEUE_IOC_PUT		_IOW(PYQUEUE_IOC_MAGIC, 0x20, struct pyqueue_put)
#define PYQUEUE_IOC_GET		_IOWR(PYQUEUE_IOC_MAGIC, 0x21, struct pyqueue_get)
#define PYQUEUE_IOC_PUT_MANY	_IOW(PYQUEUE_IOC_MAGIC, 0x22, struct pyqueue_many)
#define PYQUEUE_IOC_GET_MANY	_IOW(PYQUEUE_IOC_MAGIC, 0x23, struct pyqueue_many)
/* Takes no argument; returns how many messages there are, or -EUCLEAN. */
#define PYQUEUE_IOC_QSIZE	_IO(PYQUEUE_IOC_MAGIC, 0x24)
#define PYQUEUE_IOC_TASK_DONE	_IOW(PYQUEUE_IOC_MAGIC, 0x25, struct pyqueue_task_done)
#define PYQUEUE_IOC_JOIN	_IOW(PYQUEUE_IOC_MAGIC, 0x26, struct pyqueue_join)
#define PYQUEUE_IOC_SHUTDOWN	_IOW(PYQUEUE_IOC_MAGIC, 0x27, struct pyqueue_shutdown)
#define PYQUEUE_IOC_STAT	_IOWR(PYQUEUE_IOC_MAGIC, 0x28, struct pyqueue_stat)
#define PYQUEUE_IOC_OWNER	_IOWR(PYQUEUE_IOC_MAGIC, 0x29, struct pyqueue_owner)
#define PYQUEUE_IOC_WAKE	_IOW(PYQUEUE_IOC_MAGIC, 0x2a, struct pyqueue_wake)
#define PYQUEUE_IOC_AWAIT	_IOW(PYQUEUE_IOC_MAGIC, 0x2b, struct pyqueue_await)
#define PYQUEUE_IOC_FETCH	_IOW(PYQUEUE_IOC_MAGIC, 0x2c, struct pyqueue_fetch)

/* --- io_uring ------------------------------------------------------------ */

/**
 * struct pyqueue_uring - what sqe->cmd of an IORING_OP_URING_CMD on a queue holds
 * @arg: user pointer to the structure of the ioctl that sqe->cmd_op names. It, and
 *	what it points to, stays until the completion
 * @tag: for PYQUEUE_URING_CANCEL, of the caller's choice
 *
 * sqe->cmd_op is PYQUEUE_IOC_PUT, _GET, _PUT_MANY, _GET_MANY, _TASK_DONE or
 * _WAKE; cqe->res is what the ioctl would have returned. Whoever has to wait waits in
 * line with those who sleep in the ioctls, until his deadline; he takes and puts
 * nothing before he completes.
 *
 *   -EAGAIN     it would have to wait, and PYQUEUE_NOWAIT; or this kernel cannot
 *               let it: PYQUEUE_FEAT_URING_CMD is not set
 *   -ECANCELED  by PYQUEUE_URING_CANCEL, or the submitter ends
 *   -EINVAL     also: sqe->uring_cmd_flags is not 0
 *   -ENOSPC     too many commands (16384) wait on this queue
 *   -ENOTTY     @cmd_op is none of these
 */
struct pyqueue_uring {
	__aligned_u64 arg;
	__aligned_u64 tag;
};

/*
 * sqe->cmd_op: end all commands with @tag that wait by the same open file; @arg is 0
 * (-EINVAL). The result is how many: each has its own completion, which says what has
 * become of it.
 */
#define PYQUEUE_URING_CANCEL	_IO(PYQUEUE_IOC_MAGIC, 0x40)

/* --- shared memory ------------------------------------------------------- */

/*
 * A queue is one header of PYQUEUE_HEADER_SIZE bytes and 2^order slots behind
 * it. All words are in the machine's byte order and are accessed by atomic
 * operations only. The rules are in docs/ring.md; the code that follows them
 * is include/ring/.
 */
#define PYQUEUE_MAGIC		0x3165756575717970ULL	/* "pyqueue1" */
#define PYQUEUE_HEADER_SIZE	4096
#define PYQUEUE_LINE		64
/* Neighbouring lines are fetched in pairs: what must not collide is 128 apart. */
#define PYQUEUE_LINE_PAIR	128

/* pyqueue_header.tail: shut down; the other bits are the last position + 1 */
#define PYQUEUE_CLOSED		(1ULL << 63)

/* pyqueue_waiters.sleepers: how many may be claimed and woken, and a futex */
#define PYQUEUE_ANNOUNCED	0xffffffffULL
#define PYQUEUE_SEQUENCE_SHIFT	32

/* pyqueue_waiters.pollers: somebody polls; above it a sequence, and all of it a futex */
#define PYQUEUE_POLLED		1U
#define PYQUEUE_POLLED_STEP	2U		/* one step of the sequence */

/* pyqueue_header.marks: two hints, and a generation that each mark raises */
#define PYQUEUE_MARK_ORPHAN	(1ULL << 0)	/* some slot may be ORPHAN */
#define PYQUEUE_MARK_ABORTED	(1ULL << 1)	/* some slot may be ABORTED */
#define PYQUEUE_MARK_GENERATION	(1ULL << 2)	/* one step of the generation */

/* pyqueue_header.detour */
#define PYQUEUE_DETOUR_PUT	(1U << 0)	/* the kernel has the newest: put behind them */
#define PYQUEUE_DETOUR_BROKEN	(1U << 1)	/* everything is -EUCLEAN */
#define PYQUEUE_DETOUR_DROP	(1U << 2)	/* shut down at once: who publishes late drops */
#define PYQUEUE_DETOUR_CLOSED	(1U << 3)	/* with _PUT: shut down, and @tail says so later */

/**
 * struct pyqueue_waiters - those who wait for one side of a queue
 * @sleepers: {sequence:32, announced:32}; a waker CASes announced from n to
 *	n - 1 before it makes the one wake call that it owes
 * @pollers: PYQUEUE_POLLED: somebody polls; a waker takes it away and raises the
 *	sequence, by a CAS, before he makes the one wake call that he owes
 * @reserved: 0
 */
struct pyqueue_waiters {
	__aligned_u64 sleepers;
	__u32 pollers;
	__u32 reserved;
};

/**
 * struct pyqueue_header - the first page of a queue
 * @magic: PYQUEUE_MAGIC
 * @version: PYQUEUE_ABI_VERSION
 * @header_size: where the slots start
 * @slot_size: bytes from one slot to the next, a multiple of PYQUEUE_LINE
 * @order: there are 2^order slots
 * @maxsize: bound on the number of messages in the ring
 * @max_msg: bound on the bytes of one message
 * @id: the queue's number
 * @flags: PYQUEUE_SEALED
 * @reserved0: 0
 * @tail: next position to fill; PYQUEUE_CLOSED
 * @head_cache: a head of the past, so that a put need not read @head
 * @head: next position to take
 * @getters: whom a put wakes
 * @detour: PYQUEUE_DETOUR_ bits
 * @putters: whom a get wakes
 * @marks: PYQUEUE_MARK_ bits
 * @done: messages dealt with
 * @skipped: {count:32, position:32}: tombstones that head has passed, and the
 *	low bits of the last one's position + 1
 * @joiners: whom the last task_done wakes
 * @overflow: messages of an unbounded queue that the kernel has and the ring no room for
 *
 * The constants are for user space to read; the kernel uses its own copies.
 */
struct pyqueue_header {
	__aligned_u64 magic;
	__u32 version;
	__u32 header_size;
	__u32 slot_size;
	__u32 order;
	__aligned_u64 maxsize;
	__aligned_u64 max_msg;
	__aligned_u64 id;
	__u32 flags;
	__u32 reserved0;

	/* written by each put */
	__aligned_u64 tail __attribute__((__aligned__(PYQUEUE_LINE_PAIR)));
	__aligned_u64 head_cache;

	/* written by each get */
	__aligned_u64 head __attribute__((__aligned__(PYQUEUE_LINE_PAIR)));

	/* read by each put */
	struct pyqueue_waiters getters __attribute__((__aligned__(PYQUEUE_LINE_PAIR)));
	__u32 detour;

	/* read by each get */
	struct pyqueue_waiters putters __attribute__((__aligned__(PYQUEUE_LINE_PAIR)));
	__aligned_u64 marks;

	/* task_done and join */
	__aligned_u64 done __attribute__((__aligned__(PYQUEUE_LINE_PAIR)));
	__aligned_u64 skipped;
	struct pyqueue_waiters joiners;
	__aligned_u64 overflow;
};

/*
 * A slot's word: lap:32 | owner:16 | deliveries:8 | flags:4 | state:4. The slot
 * of position p has index p mod 2^order; its lap is p div 2^order.
 */
#define PYQUEUE_WORD_LAP_SHIFT		32
#define PYQUEUE_WORD_OWNER_SHIFT	16
#define PYQUEUE_WORD_DELIVERIES_SHIFT	8
#define PYQUEUE_WORD_FLAGS_SHIFT	4

/* flag: the payload is kept by the kernel, not in the slot */
#define PYQUEUE_SLOT_INDIRECT		(1U << 0)

/* owner: the kernel itself, or nobody */
#define PYQUEUE_OWNER_KERNEL		0

/**
 * enum pyqueue_state - what a slot is
 * @PYQUEUE_FREE: empty, waiting for the position of this lap
 * @PYQUEUE_WRITING: claimed by a putter
 * @PYQUEUE_READY: holds a message
 * @PYQUEUE_READING: claimed by a getter
 * @PYQUEUE_ABORTED: a tombstone: its putter died or changed its mind
 * @PYQUEUE_SKIPPING: a tombstone that is being taken away
 * @PYQUEUE_ORPHAN: a message whose getter died: next to be delivered
 *
 * The other numbers are kept for leases.
 */
enum pyqueue_state {
	PYQUEUE_FREE,
	PYQUEUE_WRITING,
	PYQUEUE_READY,
	PYQUEUE_READING,
	PYQUEUE_ABORTED,
	PYQUEUE_SKIPPING,
	PYQUEUE_ORPHAN,
};

/**
 * struct pyqueue_slot - one slot
 * @word: see above
 * @len: bytes of the message
 * @reserved: 0, kept for leases
 * @payload: the message, up to slot_size - 16 bytes
 */
struct pyqueue_slot {
	__aligned_u64 word;
	__u32 len;
	__u32 reserved;
	__u8 payload[];
};

#endif /* _UAPI_LINUX_PYQUEUE_H */
