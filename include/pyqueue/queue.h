/* SPDX-License-Identifier: MIT */
/*
 * pyq_queue: a bounded, blocking queue of messages between processes and
 * threads, as Python's multiprocessing.Queue and queue.Queue.
 *
 *	pyq_queue *q;
 *	int err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 3 });
 *
 *	err = pyq_put(q, "hello", 5, PYQ_FOREVER);
 *	ssize_t len = pyq_get(q, buf, sizeof(buf), PYQ_SECONDS(2));
 *	pyq_close(q);
 *
 * Every function returns 0 or a count, or a negative error number; errno is
 * left alone, and none is a cancellation point. pyq_strerror() puts an error into
 * words. Pointers must not be NULL, unless it is said that they may. A handle may be used by any number of threads at once, and in a child after
 * fork() (whose first call may also fail as pyq_open() does); pyq_close() must be the
 * last call on it. A process that is killed at any instant takes nothing with it: a
 * message is put or not put, taken or still there.
 */
#ifndef PYQUEUE_QUEUE_H
#define PYQUEUE_QUEUE_H

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef PYQ_API
#define PYQ_API
#endif

/**
 * typedef pyq_queue - a queue that this process has open
 */
typedef struct pyq_queue pyq_queue;

/*
 * A timeout is a number of nanoseconds from now, or one of the first two. Any
 * other negative one is -EINVAL.
 */
#define PYQ_NOWAIT ((int64_t)0)
#define PYQ_FOREVER ((int64_t)-1)
/* Less than 0, a time that is over, is not to wait. @s is evaluated twice. */
#define PYQ_SECONDS(s) (1e9 * (s) < 0 ? PYQ_NOWAIT : (int64_t)(1e9 * (s)))
#define PYQ_MILLISECONDS(ms) (1000000 * (int64_t)(ms))

/* pyq_attr.flags */
#define PYQ_SEALED (1u << 0)   /* nobody may map it: no participant can spoil its memory */
#define PYQ_MAPPABLE (1u << 1) /* may be mapped by all whom its mode lets in */
#define PYQ_EXCL (1u << 2)     /* -EEXIST if the name exists */

/* flags of pyq_open() */
#define PYQ_READ (1u << 4)  /* for getting */
#define PYQ_WRITE (1u << 5) /* for putting */

/**
 * struct pyq_attr - what a new queue is like
 * @maxsize: how many messages it holds; 0 or less: no bound but memory, of which a user
 *	has a share for all of his queues (pyqueue info); a put never waits, its timeout
 *	means nothing (only queues of the module: in shared memory -EOPNOTSUPP)
 * @name: its name for other processes, or NULL: then it is passed on by fork()
 *	or by its fd (pyq_fd())
 * @flags: PYQ_SEALED, PYQ_MAPPABLE, PYQ_EXCL
 * @mode: permissions of the name, as of a file (read: get, write: put); 0 means
 *	0600. The umask does not apply. One that lets others in seals a queue of the
 *	module, as with PYQ_SEALED, unless @flags has PYQ_MAPPABLE
 * @payload: messages up to this many bytes are fast, larger ones cost a memory
 *	allocation each; 0 means 240
 * @max_msg: largest message in bytes; 0 means 1 MiB; at most 64 MiB
 * @max_bytes: bound on the bytes of all messages larger than @payload and, of a queue
 *	without a bound, of those that its ring has no room for (their bytes only: what
 *	each costs beside them counts in the user's share); 0: of the kernel's
 *	queues none but the user's (pyqueue info shows it); of those in shared memory
 *	64 MiB, or four times @max_msg if that is more. There each message takes whole
 *	blocks: of 4 KiB; with a @payload of 32 KiB or more of a quarter of it, in whole
 *	4 KiB, so 8 to 16 KiB: ask for a quarter more then
 * @owner: NULL, or who owns the name (needs CAP_CHOWN if not the caller)
 * @backend: "kernel": a queue of the module; "shm": one in plain shared memory;
 *	NULL: what PYQUEUE_BACKEND in the environment says, and without that the
 *	kernel's if there is a /dev/pyqueue
 * @reserved: zeros, otherwise -EINVAL
 *
 * Meant for designated initializers: they are C's keyword arguments. What is
 * not named is 0, the default. Of a queue that exists already the attributes are its own,
 * also if it has been shut down.
 */
struct pyq_attr {
	int64_t maxsize;
	const char *name;
	unsigned int flags;
	mode_t mode;
	size_t payload;
	size_t max_msg;
	size_t max_bytes;
	const struct pyq_owner *owner;
	const char *backend;
	uint64_t reserved[8];
};

/**
 * struct pyq_owner - who owns a name
 * @uid: the user; (uid_t)-1 is the caller
 * @gid: the group; (gid_t)-1 is the caller's
 */
struct pyq_owner {
	uid_t uid;
	gid_t gid;
};

/**
 * struct pyq_msg - one message of pyq_put_many(), pyq_get_many(), pyq_get_msg()
 * @data: the bytes to put, or room for the bytes taken; the caller's
 * @size: get: bytes of room at @data
 * @len: put: bytes at @data; get: bytes of the message
 * @id: get: the message's number in this queue, never used twice
 * @deliveries: get: 1, or more if a process died with the message in hand
 * @reserved: 0, otherwise -EINVAL
 */
struct pyq_msg {
	void *data;
	size_t size;
	size_t len;
	uint64_t id;
	uint32_t deliveries;
	uint32_t reserved;
};

/**
 * pyq_create() - make a queue
 * @q: where the handle goes; NULL there after an error
 * @attr: what it is like; must not be NULL
 *
 * With a name that exists and without PYQ_EXCL, opens that queue for getting
 * and putting; the other attributes are then the existing queue's. The name
 * stays until pyq_unlink(), beyond the life of its creator.
 *
 * Return: 0; -EINVAL an attribute is out of range or @attr is NULL; -EEXIST;
 * -EACCES the name exists and its mode keeps the caller out, or /dev/pyqueue
 * does (so for all calls by name); -EPERM @owner needs CAP_CHOWN;
 * -ENAMETOOLONG; -ENOSPC, -EDQUOT, -ENOMEM a limit (pyq_strerror() names it);
 * -EOPNOTSUPP an unknown flag, or something that plain shared memory cannot do: no
 * bound, PYQ_SEALED, a mode that lets somebody get and not put, or anything where
 * there is no /proc; -EXDEV the name exists on the other backend;
 * -ENODEV the kernel's was asked for, and the module is not loaded; -EUSERS 4095
 * handles have the queue open; -EUCLEAN what has this name is no sound queue;
 * -EFBIG in shared memory: RLIMIT_FSIZE (ulimit -f) is in the way; -EMFILE, -ENFILE.
 */
PYQ_API int pyq_create(pyq_queue **q, const struct pyq_attr *attr);

/**
 * pyq_attr_check() - why pyq_create() would refuse, in a sentence
 * @attr: what a queue is to be like
 * @why: out: what is wrong with a value of it, or with PYQUEUE_BACKEND, and what
 *	would be right; a constant string. NULL: nothing
 *
 * It looks at the values only; whether the name is free, its spelling, rights and
 * limits show when the queue is made.
 *
 * Return: 0, or what pyq_create() returns for @attr: -EINVAL or -EOPNOTSUPP.
 */
PYQ_API int pyq_attr_check(const struct pyq_attr *attr, const char **why);

/**
 * pyq_open() - open a queue by name
 * @q: where the handle goes; NULL there after an error
 * @name: its name
 * @flags: PYQ_READ, PYQ_WRITE or both; 0 means both
 *
 * Return: 0; -ENOENT no such name; -EXDEV there is one on the other backend;
 * -EACCES its mode keeps the caller out; -EINVAL a bad name or flag;
 * -ENAMETOOLONG; -ENODEV; -EUSERS it is open too often; -EUCLEAN it is no sound
 * queue; -EOPNOTSUPP it is in shared memory, and there is no /proc; -EMFILE,
 * -ENFILE; -ENOMEM.
 */
PYQ_API int pyq_open(pyq_queue **q, const char *name, unsigned int flags);

/**
 * pyq_unlink() - remove a name; the queue goes when the last handle is closed
 * @name: the name
 *
 * Return: 0; -ENOENT; -EXDEV the name is on the other backend; -EPERM not the
 * name's owner; -EINVAL; -ENAMETOOLONG; -ENODEV; -EACCES; -EUCLEAN what has this
 * name is no file.
 */
PYQ_API int pyq_unlink(const char *name);

/**
 * pyq_from_fd() - a handle for a queue's fd, got by exec, SCM_RIGHTS, ...
 * @q: where the handle goes; NULL there after an error
 * @fd: the fd; on success it belongs to the handle, pyq_close() closes it
 *
 * Return: 0; -EBADF not open; -ENOTTY not a queue; -ENOMEM; of one in shared
 * memory also -EACCES its file's mode keeps the caller out, -EUSERS it is open too
 * often, -EUCLEAN it is no sound queue, -EMFILE, -ENFILE, and -EOPNOTSUPP there is
 * no /proc. After an error the fd is still the caller's.
 */
PYQ_API int pyq_from_fd(pyq_queue **q, int fd);

/**
 * pyq_fd() - the queue's fd
 * @q: the queue
 *
 * For SCM_RIGHTS, and for exec after clearing FD_CLOEXEC. Of the module's queues
 * it can also be polled (pyq_pollfd() is for both), and read() takes and write()
 * puts one message a call; on this fd both wait.
 *
 * Return: the fd; it stays the handle's.
 */
PYQ_API int pyq_fd(const pyq_queue *q);

/**
 * pyq_backend() - where a queue is
 * @q: the queue
 *
 * Return: "kernel": it is the module's; "shm": in shared memory. A constant string.
 */
PYQ_API const char *pyq_backend(const pyq_queue *q);

/**
 * pyq_pollfd() - what to poll for a queue
 * @q: the queue
 * @access: PYQ_READ: to be told when a get would not wait; PYQ_WRITE: a put
 * @pfd: out: fd and events, for poll(), or for epoll by its numbers
 *
 *	struct pollfd pfd;
 *
 *	err = pyq_pollfd(q, PYQ_READ, &pfd);
 *	do {
 *		poll(&pfd, 1, -1);
 *		while ((len = pyq_get(q, buf, sizeof(buf), PYQ_NOWAIT)) >= 0)
 *			...
 *	} while (len == -EAGAIN);
 *
 * Any of @revents is the queue's: which depends on the backend.
 * Ready also when the queue has been shut down, or is broken: what the call would
 * return. Another may be quicker: then the call says -EAGAIN, and the fd is not
 * ready any more. The fd stays the handle's, and is the same at each call.
 *
 * Of a queue in shared memory it is an eventfd, and a thread of the library (all
 * signals blocked) that sleeps until there is something; it ends with pyq_close().
 * After a fork the child asks anew.
 *
 * Return: 0; -EINVAL @access is neither; -EBADF not open for that; -ENOMEM no
 * memory, or no thread to be had; -EMFILE, -ENFILE.
 */
PYQ_API int pyq_pollfd(pyq_queue *q, unsigned int access, struct pollfd *pfd);

/**
 * pyq_set_spin() - how long to try before going to sleep
 * @q: the queue
 * @ns: nanoseconds, at most; more than a second is one; 0: sleep at once; negative: as it
 *	was in the beginning, 16 microseconds, or on one processor 0
 *
 * A wait on a queue that is mapped first tries for a while: at least 3 microseconds, at
 * most @ns, twice as long after a time that was of use and half as long after one that
 * was not, and one time in eight as long as it may. By default that is about what it
 * costs to sleep and to be woken; more spares wake-ups and costs processor time. Where the
 * shortest try is of no use either, as on a machine whose processors others use too, it is
 * left out once, then three times, at last 15 times out of 16, and the next is as long as
 * it may be, until one is of use. A timeout ends a try; one of less than 3 microseconds
 * is spent trying, and says nothing of how long the next is to be. Who then
 * finds a message while the next is already being put (or room, while more is being made)
 * lets the other side get some messages ahead, for at most 3 microseconds, and ever more
 * seldom where that is of no use: two who are at the same place hold each other up. In
 * shared memory, who tries does not look meanwhile who has died. For this handle only.
 * Has no meaning for queues that are not mapped.
 */
PYQ_API void pyq_set_spin(pyq_queue *q, int64_t ns);

/**
 * pyq_close() - give the handle back
 * @q: the queue, or NULL
 */
PYQ_API void pyq_close(pyq_queue *q);

/**
 * pyq_put() - put one message
 * @q: the queue
 * @data: the message; may be NULL if @len is 0
 * @len: its bytes
 * @timeout: how long to wait while the queue is full
 *
 * May sleep. Signals do not end the wait: handlers run and it goes on, to the
 * same deadline. A caller killed in it has put the message or has not.
 *
 * What the caller has stored before is seen by who gets the message. And if one puts and
 * then loads something, another stores that and then gets (load and store seq_cst), and
 * nobody else is at work on the queue, at least one of the two sees what the other has done.
 * (A message waits for those before it that are still being put, or are reserved, and in an
 * unbounded queue for room in the ring; what another has in hand is his.)
 *
 * Return: 0; -EAGAIN full and PYQ_NOWAIT; -ETIMEDOUT; -ESHUTDOWN; -E2BIG over
 * the queue's max_msg; -ENOBUFS, -EDQUOT, -ENOMEM a limit on large messages;
 * -EBADF not open for putting; -EFAULT; -EINVAL a bad timeout; -EUCLEAN.
 */
PYQ_API int pyq_put(pyq_queue *q, const void *data, size_t len, int64_t timeout);

/**
 * pyq_get() - take one message
 * @q: the queue
 * @buf: room for it
 * @size: bytes of room
 * @timeout: how long to wait while the queue is empty
 *
 * May sleep; signals and kills as in pyq_put().
 *
 * Return: the message's bytes (0 is an empty message); -EAGAIN empty and
 * PYQ_NOWAIT; -ETIMEDOUT; -ESHUTDOWN shut down and empty; -EMSGSIZE the message
 * is longer than @size and stays (pyq_get_msg() tells the length,
 * pyq_get_alloc() needs none); -EBADF not open for getting; -EFAULT; -EINVAL a
 * bad timeout; -EUCLEAN; of one in shared memory -ENOMEM no address space to map large
 * messages, when there is the first one for this handle (it stays).
 */
PYQ_API ssize_t pyq_get(pyq_queue *q, void *buf, size_t size, int64_t timeout);

/**
 * pyq_get_msg() - take one message and learn all there is to know of it
 * @q: the queue
 * @msg: in: @data, @size; out: @len (also with -EMSGSIZE), @id, @deliveries
 * @timeout: as pyq_get()
 *
 * Return: as pyq_get().
 */
PYQ_API ssize_t pyq_get_msg(pyq_queue *q, struct pyq_msg *msg, int64_t timeout);

/**
 * pyq_get_alloc() - take one message of whatever size
 * @q: the queue
 * @data: where the message goes, from malloc(), with a '\0' behind it that does
 *	not count; the caller frees it; NULL there after an error
 * @len: where its bytes go; may be NULL
 * @timeout: as pyq_get()
 *
 * Return: 0, otherwise as pyq_get() without -EMSGSIZE, and -ENOMEM (then the
 * message is still in the queue).
 */
PYQ_API int pyq_get_alloc(pyq_queue *q, void **data, size_t *len, int64_t timeout);

/**
 * pyq_get_any() - take one message from whichever queue has one
 * @qs: the queues
 * @n: how many
 * @which: in: the one whose turn is last, so that all have theirs (for the first call
 *	@n, or more: the first one has the first turn); out: the one that it is from, or
 *	that an error is of
 * @buf: room for the message
 * @size: bytes of room
 * @timeout: how long to wait while all are empty
 *
 *	size_t which = n;
 *
 *	while ((len = pyq_get_any(qs, n, &which, buf, sizeof(buf), PYQ_FOREVER)) >= 0)
 *		...
 *
 * Those that have been shut down and are empty are left out. May sleep; signals and kills
 * as in pyq_put(). It sleeps as with pyq_pollfd(): a queue in shared memory gets a thread
 * and an eventfd. For hundreds of queues pyq_aio (<pyqueue/aio.h>) costs less.
 *
 * Return: as pyq_get() of that queue; -EAGAIN, -ETIMEDOUT all are empty, @which is as it
 * was; -ESHUTDOWN all have ended; -EINVAL also if @n is 0, or more than the files that the
 * process may have open and all are empty; -ENOMEM; -EMFILE, -ENFILE.
 */
PYQ_API ssize_t pyq_get_any(pyq_queue *const *qs, size_t n, size_t *which, void *buf, size_t size,
			    int64_t timeout);

/**
 * pyq_put_many() - put several messages
 * @q: the queue
 * @msgs: @data and @len of each
 * @n: how many
 * @timeout: how long to wait for room for the first
 *
 * Puts the first as pyq_put() would, and then as many as go in without
 * waiting, in order.
 *
 * Return: how many, at least 1; 0 only if @n is 0; otherwise as pyq_put() for
 * the first.
 */
PYQ_API ssize_t pyq_put_many(pyq_queue *q, const struct pyq_msg *msgs, size_t n, int64_t timeout);

/**
 * pyq_get_many() - take several messages
 * @q: the queue
 * @msgs: @data and @size of each; out: the rest
 * @n: how many
 * @timeout: how long to wait for the first
 *
 * Takes the first as pyq_get() would, and then as many as are there and fit,
 * in order; of a queue without a bound no more than its ring holds.
 *
 * Return: how many, at least 1; 0 only if @n is 0; otherwise as pyq_get() for
 * the first.
 */
PYQ_API ssize_t pyq_get_many(pyq_queue *q, struct pyq_msg *msgs, size_t n, int64_t timeout);

/**
 * pyq_qsize() - how many messages there are, exact if nobody is at work
 * @q: the queue
 *
 * Return: the number, or -EUCLEAN.
 */
PYQ_API ssize_t pyq_qsize(pyq_queue *q);

/**
 * pyq_empty() - is it empty (now; it may not be a moment later)
 * @q: the queue
 *
 * Return: the answer; false for a broken queue, whose next get tells why.
 */
PYQ_API bool pyq_empty(pyq_queue *q);

/**
 * pyq_full() - is it full (now; it may not be a moment later)
 * @q: the queue
 *
 * By pyq_qsize(): a put may have to wait all the same, for a slot that somebody is at
 * work on, or that somebody who died has left behind.
 *
 * Return: the answer; false for a broken queue, whose next put tells why.
 */
PYQ_API bool pyq_full(pyq_queue *q);

/**
 * pyq_maxsize() - its bound
 * @q: the queue
 *
 * Return: the bound it was made with; 0: it has none.
 */
PYQ_API int64_t pyq_maxsize(const pyq_queue *q);

/**
 * pyq_max_msg() - the most bytes a message can have
 * @q: the queue
 */
PYQ_API size_t pyq_max_msg(const pyq_queue *q);

/**
 * pyq_payload() - the most bytes of a message that is kept in the ring itself
 * @q: the queue
 */
PYQ_API size_t pyq_payload(const pyq_queue *q);

/**
 * pyq_task_done() - say that @count messages taken have been dealt with
 * @q: the queue
 * @count: how many
 *
 * Return: 0; -EINVAL more than were put (nothing is counted), or 0; -EBADF not
 * open for getting; -EUCLEAN.
 */
PYQ_API int pyq_task_done(pyq_queue *q, unsigned int count);

/**
 * pyq_join() - wait until every message put has been dealt with
 * @q: the queue
 * @timeout: how long
 *
 * Who has taken a message and dies before pyq_task_done() never says so: where that can
 * happen give it a timeout, or borrow messages, which come again.
 *
 * Return: 0; -EAGAIN some have not been and PYQ_NOWAIT; -ETIMEDOUT; -EINVAL a
 * bad timeout; -EUCLEAN.
 */
PYQ_API int pyq_join(pyq_queue *q, int64_t timeout);

/**
 * pyq_shutdown() - end the queue, as queue.Queue.shutdown() of Python 3.13
 * @q: the queue
 * @immediate: drop the messages in it as well (they count as done)
 *
 * Wakes everybody who waits. From now on puts fail with -ESHUTDOWN, and gets
 * once the queue is empty.
 *
 * Return: 0; -EBADF not open for putting (@immediate: for both); @immediate of one in shared
 * memory: -ENOMEM no address space to map large messages, and nothing has been done.
 */
PYQ_API int pyq_shutdown(pyq_queue *q, bool immediate);

/**
 * struct pyq_stat - a queue as it is now
 * @id: its number
 * @maxsize: its bound, 0 for none
 * @qsize: messages in it
 * @max_msg: most bytes of a message
 * @max_bytes: bound on the bytes of large messages, 0 for none; in shared memory
 *	the one that holds: in whole blocks, and 0 if @max_msg is no more than @payload
 * @large_bytes: bytes of messages in it that are not in its ring: large ones, and those
 *	of a queue without a bound that wait for room there
 * @ring_bytes: bytes of the ring
 * @payload: messages up to this many bytes are fast
 * @unfinished: messages that pyq_join() waits for
 * @getters: asleep in get
 * @putters: asleep in put
 * @joiners: asleep in join
 * @owners: handles that have it mapped
 * @mode: permissions of its name
 * @uid: owner
 * @gid: group
 * @mapped: this handle has: messages that fit a slot cost no system call
 * @sealed: nobody may map it
 * @shutdown: pyq_shutdown() was called
 * @named: it has a name
 * @broken: calls fail with -EUCLEAN
 * @reserved: zeros
 */
struct pyq_stat {
	uint64_t id;
	int64_t maxsize;
	uint64_t qsize;
	uint64_t max_msg;
	uint64_t max_bytes;
	uint64_t large_bytes;
	uint64_t ring_bytes;
	uint32_t payload;
	uint32_t unfinished;
	uint32_t getters;
	uint32_t putters;
	uint32_t joiners;
	uint32_t owners;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool mapped;
	bool sealed;
	bool shutdown;
	bool named;
	bool broken;
	uint64_t reserved[8];
};

/**
 * pyq_stat() - look at a queue
 * @q: the queue
 * @st: filled in
 *
 * Return: 0; of one in shared memory -ENOMEM no address space to map large messages.
 */
PYQ_API int pyq_stat(pyq_queue *q, struct pyq_stat *st);

/**
 * struct pyq_name - one name, as pyq_list() reports it
 * @name: the name; valid during the call
 * @id: the queue's number
 * @maxsize: its bound
 * @qsize: messages in it
 * @mode: permissions
 * @uid: owner
 * @gid: group
 * @sealed: nobody may map it
 */
struct pyq_name {
	const char *name;
	uint64_t id;
	int64_t maxsize;
	uint64_t qsize;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	bool sealed;
};

/**
 * pyq_list() - call a function for each name that the caller may open
 * @fn: the function; a value other than 0 from it ends the walk
 * @arg: passed on to it
 *
 * Each name that is there throughout is reported once. Not sorted. @fn may call
 * any function of this library; a thread is not cancelled in it.
 *
 * Return: 0, what @fn returned, -ENODEV, -EACCES, -EMFILE, -ENFILE or -ENOMEM.
 */
PYQ_API int pyq_list(int (*fn)(const struct pyq_name *name, void *arg), void *arg);

/**
 * struct pyq_info - what this system offers
 * @backend: "kernel" or "shm"
 * @abi_version: of the module, or of the layout in shared memory
 * @features: words with a blank between them: "names indirect ..."
 * @maxsize_max: largest maxsize
 * @max_msg_max: largest max_msg
 * @payload_max: largest payload
 * @max_user_queues: how many queues a user may have; this and the next three are
 *	of the kernel's queues, and 0 with "shm": there /dev/shm itself is the limit
 * @max_user_bytes: how many bytes they may hold
 * @user_queues: how many the calling user has
 * @user_bytes: how many bytes they hold
 * @text: room for strings; not for the caller
 * @reserved: zeros
 */
struct pyq_info {
	const char *backend;
	unsigned int abi_version;
	const char *features;
	uint64_t maxsize_max;
	uint64_t max_msg_max;
	uint64_t payload_max;
	uint64_t max_user_queues;
	uint64_t max_user_bytes;
	uint64_t user_queues;
	uint64_t user_bytes;
	char text[256];
	uint64_t reserved[8];
};

/**
 * pyq_info() - look at the system
 * @info: filled in; @features points into it, so a copy of the structure needs
 *	the original
 *
 * Return: 0; -ENODEV the module is not loaded; -EACCES; -EMFILE, -ENFILE.
 */
PYQ_API int pyq_info(struct pyq_info *info);

/**
 * pyq_strerror() - an error in words: what went wrong, and what to do
 * @err: what a pyq function returned
 *
 * Return: a constant string; for numbers that this library never returns, a
 * string that says so.
 */
PYQ_API const char *pyq_strerror(long err);

/* For people who think in queue.Full and queue.Empty. */

/**
 * pyq_is_full() - did a put fail because the queue was full
 * @err: what it returned
 */
static inline bool pyq_is_full(long err)
{
	return err == -EAGAIN || err == -ETIMEDOUT;
}

/**
 * pyq_is_empty() - did a get fail because the queue was empty
 * @err: what it returned
 */
static inline bool pyq_is_empty(long err)
{
	return pyq_is_full(err);
}

#ifdef __cplusplus
}
#endif

#endif
