// SPDX-License-Identifier: MIT
/*
 * Boost.Interprocess message_queue: a bounded queue in shared memory behind a mutex
 * and two condition variables, as Boost configures it by itself.
 */
#define NDEBUG /* as it is released */
#include <boost/interprocess/ipc/message_queue.hpp>
#include <boost/version.hpp>

#include <cerrno>
#include <new>
#include <string>
#include <unistd.h>

#include "message.h"
#include "peers.h"

using boost::interprocess::create_only;
using boost::interprocess::interprocess_exception;
using boost::interprocess::message_queue;

/* An exception costs nothing as long as there is none. */

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	try {
		static_cast<message_queue *>(state)->send(data, size, 0);
		return 0;
	} catch (const interprocess_exception &) {
		return -EIO;
	}
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	message_queue::size_type len;
	unsigned int priority;

	try {
		static_cast<message_queue *>(state)->receive(data, size, len, priority);
		return len == size ? 0 : -EIO;
	} catch (const interprocess_exception &) {
		return -EIO;
	}
}

#include "loops.h"

static int open_queue(struct bench_queue *queue)
{
	const std::string name = "pyqueue-bench." + std::to_string(getpid());

	try {
		queue->state =
			new message_queue(create_only, name.c_str(), queue->capacity, queue->size);
	} catch (const interprocess_exception &problem) {
		return problem.get_native_error() ? -problem.get_native_error() : -EIO;
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
	message_queue::remove(name.c_str());
	queue->backend = BOOST_LIB_VERSION;
	return 0;
}

static void close_queue(void *state)
{
	delete static_cast<message_queue *>(state);
}

/* Those that are not named are zeros, in C++ as in C. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
const struct bench_peer peer_boost = {
	.name = "boost",
	.what = "Boost.Interprocess message_queue, send() and receive()",
	.calls_unseen = true,
	.open = open_queue,
	.close = close_queue,
	BENCH_LOOPS,
};
