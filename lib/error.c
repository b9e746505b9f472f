// SPDX-License-Identifier: MIT
/* Errors in words: what went wrong, and what to do about it. */
#include <linux/pyqueue.h>

#include "priv.h"

#include "pool.h"

#define TEXT(number) TEXT_(number)
#define TEXT_(number) #number
#define LIMIT(what, parameter, advice)                                                     \
	what " (module parameter " parameter ", /sys/module/pyqueue/parameters/" parameter \
	     "): " advice

const char *pyq_strerror(long err)
{
	const char *text;

	if (err >= 0)
		return "no error";

	switch (err) {
	case -EAGAIN:
		return "not now: the queue is full (put), empty (get) or has unfinished messages "
		       "(join), another holds the lock, the thread or process has not ended, and "
		       "waiting was not asked for; or of pyq_process_start(): no more processes "
		       "may be made (ulimit -u, pids.max)";
	case -ETIMEDOUT:
		return "timed out: all the while the queue was full (put), empty (get) or had "
		       "unfinished messages (join), another held the lock, the thread or process "
		       "ran, or what was waited for has not come (a barrier is broken now: "
		       "pyq_barrier_reset())";
	case -ESHUTDOWN:
		return "the queue has been shut down, for ever: nothing can be put any more, and "
		       "after what was left, nothing got (to use its name again: pyqueue rm)";
	case -EMSGSIZE:
		return "the next message is longer than the buffer, and still in the queue: make "
		       "room for the length that pyq_get_msg() reports, or use pyq_get_alloc()";
	case -E2BIG:
		return "the message is longer than the queue's max_msg (of pyq_commit(): than what "
		       "was reserved): send it in parts, or create the queue with a larger "
		       "max_msg (at most 64 MiB); or of pyq_process_start(): the arguments and the "
		       "environment are too long together";
	case -ENOBUFS:
		return "the queue's large messages, or those that a queue without a bound keeps "
		       "outside of its ring, would exceed its max_bytes: get some first, or "
		       "create the queue with a larger max_bytes";
	case -EDQUOT:
		return LIMIT("the queues of this user hold as many bytes as they may",
			     "max_user_bytes",
			     "get messages, remove queues, or have root raise it");
	case -ENOSPC:
		return LIMIT("this user has as many queues as it may", "max_user_queues",
			     "close or remove some, or have root raise it");
	case -ENOMEM:
		return "out of memory: the machine's, or what the memory cgroup allows "
		       "(memory.max), or /dev/shm is full (df /dev/shm); or out of address space "
		       "(ulimit -v); or out of threads (ulimit -u, pids.max)";
	case -EFBIG:
		return "the queue's file would be larger than files of this process may be "
		       "(RLIMIT_FSIZE, ulimit -f): raise it, or make a smaller queue (maxsize, "
		       "payload, max_bytes)";
	case -EMFILE:
		return "this process has as many files open as it may (RLIMIT_NOFILE, ulimit -n): "
		       "close some, or raise it";
	case -ENFILE:
		return "the system has as many files open as it may (sysctl fs.file-max): close "
		       "some, or have root raise it";
	case -ENODEV:
		return "/dev/pyqueue is missing: load the module (insmod pyqueue.ko, or modprobe "
		       "pyqueue), or do without it (PYQUEUE_BACKEND=shm)";
	case -EXDEV:
		return "there is a queue of this name, but on the other backend: choose that one "
		       "with PYQUEUE_BACKEND=kernel or PYQUEUE_BACKEND=shm";
	case -EUSERS:
		return "this queue is open as often as it can be (4095 handles): close some";
	case -EOWNERDEAD:
		return "of a lock: its holder has died, and the caller has it now: put right what "
		       "it protects, then pyq_lock_make_consistent(). Of a queue: this process "
		       "was taken for dead, and what it had in hand was given to others, or this "
		       "loan had ended already, through a copy: nothing was put or taken";
	case -ESTALE:
		return "what is on loan, or a pyq_aio, belongs to the process that made it, and "
		       "this is a child of that: make one of its own";
	case -EBUSY:
		return "as many operations are under way as this pyq_aio can have, or have "
		       "completions that nobody has taken: take some with pyq_aio_wait(), or "
		       "make one with more entries; or a lock is held, a condition waited for, "
		       "that was to be destroyed; or of pyq_process_close(): the process runs, "
		       "join it first";
	case -ECHILD:
		return "not a child of this process, which alone can join it (a sibling, or its own "
		       "parent's); or of pyq_process_exitcode(): somebody else has waited for it "
		       "(waitpid(-1) or SIG_IGN for SIGCHLD in this program), how it ended is lost";
	case -ECANCELED:
		return "the operation was cancelled: nothing was put or taken; of a thread: its "
		       "function did not return";
	case -ENOSYS:
		return "this kernel has no io_uring: do without PYQ_AIO_URING, then it is epoll; or "
		       "of pyq_process_start(): it is older than Linux 5.4";
	case -ENOEXEC:
		return "not a program that this machine can execute: a script needs #! in its "
		       "first line";
	case -ENOTDIR:
		return "there is no such program: what should be a directory in its path is none";
	case -ETXTBSY:
		return "the program is being written to: close it there first";
	case -EBADMSG:
		return "the next message has no bytes, which read() could not tell from the end of "
		       "the queue: it is still there, take it with pyq_get()";
	case -ENOENT:
		return "there is no queue of this name here (in this network namespace, or in "
		       "this /dev/shm): create it first (pyqueue ls shows what there is); or there "
		       "is no such program, or this one was given no queue of that name";
	case -EEXIST:
		return "there is a queue of this name already: open it, create it without "
		       "PYQ_EXCL, or remove it first (pyqueue rm)";
	case -EACCES:
		return "permission denied: the mode of the queue (pyqueue stat), or of "
		       "/dev/pyqueue, does not let this user in; or the program may not be executed";
	case -EPERM:
		return "not permitted: only the thread that holds a lock may release it, wait or "
		       "notify with it; only its owner may remove a name, and only root "
		       "(CAP_CHOWN) may give one to somebody else; or io_uring is forbidden here "
		       "(sysctl kernel.io_uring_disabled, the seccomp profile of a container): "
		       "do without PYQ_AIO_URING; or the process has become another user's";
	case -ENAMETOOLONG:
		return "the name is too long: at most " TEXT(PYQUEUE_NAME_MAX) " bytes";
	case -EINVAL:
		return "invalid argument: a size, mode, count or timeout out of range, a name that "
		       "is empty or has '/' or control characters in it, an unknown flag of "
		       "pyq_open() or pyq_pollfd(), one task_done too many, "
		       "a loan that has ended or is another handle's, a lock or its like that was "
		       "not initialised, has been destroyed, or is not PYQ_SHARED with one that "
		       "is, a process that has not been started, or whose target, run, argv and "
		       "queues do not go together, or a PYQUEUE_BACKEND that is neither kernel "
		       "nor shm";
	case -EOPNOTSUPP:
		return "not offered here: an unknown flag; loans of a sealed queue (one whose mode "
		       "lets others in is: make it with PYQ_MAPPABLE) or of a handle for one "
		       "direction only (open it for both); or, in shared memory, what only the "
		       "module can do: queues without a bound, sealed ones, modes that let "
		       "somebody do one of get and put, messages by io_uring";
	case -EBADF:
		return "not an open file descriptor, or a queue that is not open for this: open it "
		       "with PYQ_READ to get, PYQ_WRITE to put or shut down";
	case -ENOTTY:
		return "this file descriptor, or /dev/pyqueue, is not one of the pyqueue module, "
		       "or the module is another version's";
	case -EFAULT:
		return "bad address: a buffer cannot be read or written";
	case -EUCLEAN:
		return "the queue is broken: a process that maps it has spoilt its memory, or "
		       "what has its name in /dev/shm is none. Make a new one; where its users "
		       "do not trust one another, with the module and PYQ_SEALED";
	case -EDEADLK:
		return "this would wait for the caller itself: a lock that it holds (one made with "
		       "PYQ_LOCK_RECURSIVE can be acquired again), or its own end";
	case -ENOTRECOVERABLE:
		return "this lock was released before somebody had put right what its dead holder "
		       "had left (pyq_lock_make_consistent()): nobody can have it any more, make "
		       "a new one";
	case -EOVERFLOW:
		return "the semaphore was released more often than acquired: its value would rise "
		       "above the initial one, or above UINT_MAX";
	case -EPIPE:
		return "the barrier is broken, or was reset: somebody's time was over, or has "
		       "called pyq_barrier_abort(); pyq_barrier_reset() makes it anew";
	case -EALREADY:
		return "this thread or process was started before: each can be started once";
	case -ESRCH:
		return "there is no such thread in this process: it was not started, or by the "
		       "parent before a fork";
	}
	text = pyqi_pool_error(err);
	return text ? text : "unknown error: not one that libpyqueue returns";
}
