// SPDX-License-Identifier: MIT
/* Who takes part. */
#include "peers.h"

const struct bench_peer *const bench_peers[] = {
	/* Prices. */
	&peer_getppid,
	&peer_line,
	/* pyqueue, its limits, and the peers. */
	&peer_pyqueue,
	&peer_pyqueue_no_spin,
	&peer_pyqueue_defaults,
	&peer_pyqueue_batch,
	&peer_pyqueue_zero_copy,
	&peer_pyqueue_sealed,
	&peer_pyqueue_sealed_batch,
	&peer_pyqueue_ioctl,
	&peer_pyqueue_file,
	&peer_pyqueue_aio,
	&peer_spsc,
	&peer_mpmc,
	&peer_mutex_ring,
	&peer_mutex_ring_tries,
	&peer_boost,
	&peer_iceoryx,
	&peer_iceoryx_in_place,
	&peer_zeromq,
	&peer_zeromq_in_place,
	&peer_mqueue,
	&peer_sysv,
	&peer_seqpacket,
	&peer_pipe,
	&peer_pyqueue_many,
	&peer_pyqueue_many_epoll,
	&peer_epoll_pipes,
	&peer_cpython,
};

const size_t bench_peer_count = sizeof(bench_peers) / sizeof(bench_peers[0]);
