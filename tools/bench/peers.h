/* SPDX-License-Identifier: MIT */
/* Peers: ways to get messages through, each in a file of its own. */
#ifndef PYQUEUE_BENCH_PEERS_H
#define PYQUEUE_BENCH_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct bench_queue - a queue of a peer
 * @size: bytes of each message
 * @capacity: in: how many messages it is to hold; out: how many it does, where
 *	the peer cannot do as asked
 * @backend: out: which of several it is, or NULL; shown with the peer's name
 * @state: out: the peer's own
 */
struct bench_queue {
	size_t size;
	unsigned long capacity;
	const char *backend;
	void *state;
};

/* What a process does with a queue. */
enum bench_role {
	BENCH_PUTS = 1,
	BENCH_GETS = 2,
};

struct bench_workload;
struct bench_outcome;

/**
 * struct bench_peer - one way to get messages through
 * @name: how results name it, and --peer
 * @what: what one message costs there, for people
 * @absent: why it may not be there, for people: what -ENODEV from open() means
 * @optional: then the run goes on without it, unless it was asked for by name
 * @own: this is pyqueue, in one of its ways
 * @limit: it survives no kill, or lacks what the others have: shown as what could be
 *	reached, and not counted among the peers
 * @moves_nothing: it has no messages, only a price
 * @calls_unseen: its system calls are a library's, and so not counted
 * @shared_size: the longest message, if several put or several get; 0: as long as open()
 *	takes
 * @producers: how many processes may put at most; 0: any number
 * @consumers: how many may get; 0: any number
 * @most_bytes: how many bytes of messages a measurement may have; 0: any number
 * @open: make a queue; 0 or -errno, -EMSGSIZE: not for messages of this size, so that the
 *	peer has no part in this run
 * @close: the reverse
 * @enter: NULL, or what a process has to do with a queue before its first message, so
 *	that this is not timed; @role: BENCH_PUTS, BENCH_GETS, or both. The second time, in
 *	one process, it has nothing to do. 0 or -errno
 * @leave: NULL, or what a process has to do behind its last message, not timed either:
 *	all that it has put must have gone, as it ends now
 *
 * @put: put a message, waiting as long as it takes. 0 or -errno
 * @get: get one, likewise; -EIO: of another size
 * @exchange: put and get messages 0 to @n - 1, one after the other: written by
 *	bench_fill(), and bench_sum() of what has arrived added to *@sum. 0 or -errno.
 * @produce: put messages @first to @first + @n - 1; NULL: it cannot do that alone
 * @consume: get @n messages, as @exchange does; NULL likewise
 * @bounce: with two queues, there and back: send @n messages, each when the one before has
 *	come back, which counts in *@sum, after @took[i] ns; or send back what comes. NULL likewise
 * @rounds: as @exchange: @depth messages into a queue and out of it, then the next queue's
 *	turn. NULL likewise
 *
 * @processes: instead of @produce, @consume and @bounce: do what the workload says with
 *	processes of its own. NULL likewise
 * @tasks: have a pool of the workload's consumers return @n arguments as they are, with its
 *	window; NULL likewise
 * @late: run into @n timeouts of what the workload waits for, of BENCH_TIMEOUT_NS each, and
 *	say how late they were; NULL likewise
 * @death: how late it is known @n times that a worker has died; NULL likewise
 *
 * @loop: the same with many queues (many.h), which are one of these, a message in each;
 *	@out and @in may be the same ones, then @serves. NULL likewise
 *
 * @put to @rounds, and @loop, are what is timed; loops.h makes all but the last. @processes,
 * @tasks, @late and @death take the times themselves: without what it takes to begin and to
 * end.
 */
struct bench_peer {
	const char *name;
	const char *what;
	const char *absent;
	bool optional;
	bool own;
	bool limit;
	bool moves_nothing;
	bool calls_unseen;
	size_t shared_size;
	unsigned int producers;
	unsigned int consumers;
	size_t most_bytes;
	int (*open)(struct bench_queue *queue);
	void (*close)(void *state);
	int (*enter)(void *state, unsigned int role);
	void (*leave)(void *state);
	int (*put)(void *state, const void *data, size_t size);
	int (*get)(void *state, void *data, size_t size);
	int (*exchange)(void *state, unsigned long n, size_t size, uint64_t *sum);
	int (*produce)(void *state, uint64_t first, unsigned long n, size_t size);
	int (*consume)(void *state, unsigned long n, size_t size, uint64_t *sum);
	int (*bounce)(void *out, void *in, bool serves, unsigned long n, size_t size, uint64_t *sum,
		      int64_t *took);
	int (*rounds)(void *const *queues, unsigned int queue_count, unsigned int depth,
		      unsigned long n, size_t size, uint64_t *sum);
	int (*loop)(void *out, void *in, bool serves, unsigned long n, size_t size, uint64_t *sum);
	int (*processes)(const struct bench_workload *workload, unsigned long n, size_t size,
			 struct bench_outcome *outcome);
	int (*tasks)(const struct bench_workload *workload, unsigned long n, size_t size,
		     struct bench_outcome *outcome);
	int (*late)(const struct bench_workload *workload, unsigned long n, int64_t *seen,
		    struct bench_outcome *outcome);
	int (*death)(const struct bench_workload *workload, unsigned long n, int64_t *seen,
		     struct bench_outcome *outcome);
};

extern const struct bench_peer *const bench_peers[];
extern const size_t bench_peer_count;

extern const struct bench_peer peer_getppid;
extern const struct bench_peer peer_line;
extern const struct bench_peer peer_pyqueue;
extern const struct bench_peer peer_pyqueue_no_spin;
extern const struct bench_peer peer_pyqueue_batch;
extern const struct bench_peer peer_pyqueue_defaults;
extern const struct bench_peer peer_pyqueue_sealed_batch;
extern const struct bench_peer peer_pyqueue_zero_copy;
extern const struct bench_peer peer_pyqueue_sealed;
extern const struct bench_peer peer_pyqueue_ioctl;
extern const struct bench_peer peer_pyqueue_file;
extern const struct bench_peer peer_pyqueue_aio;
extern const struct bench_peer peer_pyqueue_many;
extern const struct bench_peer peer_pyqueue_many_epoll;
extern const struct bench_peer peer_epoll_pipes;
extern const struct bench_peer peer_spsc;
extern const struct bench_peer peer_mpmc;
extern const struct bench_peer peer_boost;
extern const struct bench_peer peer_iceoryx;
extern const struct bench_peer peer_iceoryx_in_place;
extern const struct bench_peer peer_zeromq;
extern const struct bench_peer peer_zeromq_in_place;
extern const struct bench_peer peer_mutex_ring;
extern const struct bench_peer peer_mutex_ring_tries;
extern const struct bench_peer peer_mqueue;
extern const struct bench_peer peer_sysv;
extern const struct bench_peer peer_seqpacket;
extern const struct bench_peer peer_pipe;
extern const struct bench_peer peer_cpython;

#ifdef __cplusplus
}
#endif

#endif
