// SPDX-License-Identifier: MIT
/*
 * iceoryx: publish and subscribe in shared memory. A message is copied into memory on loan
 * and out of it, as with the others. Both ends of a queue are made before the processes
 * are, which inherit them: all that they are lies in shared memory, and each end has one
 * user at a time.
 */
#include <iceoryx_hoofs/log/logmanager.hpp>
#include <iceoryx_hoofs/posix_wrapper/file_lock.hpp>
#include <iceoryx_posh/mepoo/chunk_header.hpp>
#include <iceoryx_posh/popo/untyped_publisher.hpp>
#include <iceoryx_posh/popo/untyped_subscriber.hpp>
#include <iceoryx_posh/popo/wait_set.hpp>
#include <iceoryx_posh/runtime/posh_runtime.hpp>
#include <iceoryx_versions.hpp>

#include <cerrno>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <unistd.h>

#include "clock.h"
#include "iceoryx_daemon.h"
#include "keeper.h"
#include "message.h"
#include "peers.h"

namespace
{

/* The others are the daemon's own. */
constexpr unsigned int QUEUES_MAX = iox::MAX_PUBLISHERS - iox::NUMBER_OF_INTERNAL_PUBLISHERS;

constexpr uint64_t CONNECT_NS = 10000000000;

unsigned int open_count;

struct ends {
	iox::popo::UntypedPublisher publisher;
	iox::popo::UntypedSubscriber subscriber;
	iox::popo::WaitSet<1> waiting;

	ends(const iox::capro::ServiceDescription &name, uint64_t capacity)
	    : publisher(name, to_put()), subscriber(name, to_get(capacity))
	{
		open_count++;
	}

	~ends()
	{
		open_count--;
	}

	/* None is lost: who puts waits. */

	static iox::popo::PublisherOptions to_put()
	{
		iox::popo::PublisherOptions options;

		options.subscriberTooSlowPolicy =
			iox::popo::ConsumerTooSlowPolicy::WAIT_FOR_CONSUMER;
		return options;
	}

	static iox::popo::SubscriberOptions to_get(uint64_t capacity)
	{
		iox::popo::SubscriberOptions options;

		options.queueCapacity = capacity;
		options.queueFullPolicy = iox::popo::QueueFullPolicy::BLOCK_PRODUCER;
		return options;
	}
};

} // namespace

static BENCH_INLINE int put(void *state, const void *data, size_t size)
{
	auto &publisher = static_cast<ends *>(state)->publisher;
	auto loan = publisher.loan(static_cast<uint32_t>(size));

	if (loan.has_error())
		return -ENOBUFS;
	memcpy(loan.value(), data, size);
	publisher.publish(loan.value());
	return 0;
}

/* Has @use look at the next message, which is there as long as it does. */
template <typename Use> static BENCH_INLINE int get_with(void *state, size_t size, Use use)
{
	auto &subscriber = static_cast<ends *>(state)->subscriber;
	size_t len;

	for (;;) {
		auto taken = subscriber.take();

		if (!taken.has_error()) {
			const auto *header =
				iox::mepoo::ChunkHeader::fromUserPayload(taken.value());

			len = header->userPayloadSize();
			if (len == size)
				use(taken.value());
			subscriber.release(taken.value());
			return len == size ? 0 : -EIO;
		}
		if (taken.get_error() != iox::popo::ChunkReceiveResult::NO_CHUNK_AVAILABLE)
			return -ENOBUFS;
		static_cast<ends *>(state)->waiting.wait();
	}
}

static BENCH_INLINE int get(void *state, void *data, size_t size)
{
	return get_with(state, size, [=](const void *message) { memcpy(data, message, size); });
}

#include "loops.h"

/* Written and read where they lie. */

static int produce_in_place(void *state, uint64_t first, unsigned long n, size_t size)
{
	auto &publisher = static_cast<ends *>(state)->publisher;

	for (unsigned long i = 0; i < n; i++) {
		auto loan = publisher.loan(static_cast<uint32_t>(size));

		if (loan.has_error())
			return -ENOBUFS;
		bench_fill(static_cast<uint64_t *>(loan.value()), size, first + i, 1);
		publisher.publish(loan.value());
	}
	return 0;
}

static int consume_in_place(void *state, unsigned long n, size_t size, uint64_t *sum)
{
	int err = 0;

	for (unsigned long i = 0; !err && i < n; i++)
		err = get_with(state, size, [=](const void *message) {
			*sum += bench_sum(static_cast<const uint64_t *>(message), size, 1);
		});
	return err;
}

static bool has_daemon()
{
	const auto lock = iox::posix::FileLock::create(iox::roudi::ROUDI_LOCK_NAME);

	return lock.has_error() &&
	       lock.get_error() == iox::posix::FileLockError::LOCKED_BY_OTHER_PROCESS;
}

static int start_daemon()
{
	static const std::string sockets = iox::platform::IOX_UDS_SOCKET_PATH_PREFIX;
	static const std::string locks = iox::platform::IOX_LOCK_FILE_PATH_PREFIX;
	static const std::string socket = sockets + iox::roudi::IPC_CHANNEL_ROUDI_NAME;
	static const std::string its_lock = locks + iox::roudi::IPC_CHANNEL_ROUDI_NAME + ".lock";
	static const std::string lock = locks + iox::roudi::ROUDI_LOCK_NAME + ".lock";
	static const char *const files[] = { socket.c_str(), its_lock.c_str(), lock.c_str(),
					     nullptr };

	return bench_iceoryx_daemon_start(files);
}

/* What this process has there. */
static int keep_files(const std::string &name)
{
	const std::string socket = iox::platform::IOX_UDS_SOCKET_PATH_PREFIX + name;
	const std::string lock = iox::platform::IOX_LOCK_FILE_PATH_PREFIX + name + ".lock";
	int err = bench_keep_file(socket.c_str());

	return err ? err : bench_keep_file(lock.c_str());
}

/* Once: this process stays with the daemon. */
static int join()
{
	static bool joined;
	const std::string name = "pyqueue-bench-" + std::to_string(getpid());
	int err = 0;

	if (joined)
		return 0;
	if (!has_daemon())
		err = start_daemon();
	if (!err)
		err = keep_files(name);
	if (err)
		return err;
	iox::log::LogManager::GetLogManager().SetDefaultLogLevel(
		iox::log::LogLevel::kError, iox::log::LogLevelOutput::kHideLogLevel);
	iox::runtime::PoshRuntime::initRuntime({ iox::cxx::TruncateToCapacity, name });
	joined = true;
	return 0;
}

/* The daemon brings them together: it cannot be waited for, only seen. */
static int connect(ends &both)
{
	const uint64_t end = bench_wall_ns() + CONNECT_NS;

	while (!both.publisher.hasSubscribers()) {
		if (bench_wall_ns() > end)
			return -ETIMEDOUT;
		std::this_thread::yield();
	}
	if (both.waiting.attachState(both.subscriber, iox::popo::SubscriberState::HAS_DATA)
		    .has_error())
		return -EIO;
	return 0;
}

static int open_queue(struct bench_queue *queue)
{
	static unsigned long number;
	const std::string process = std::to_string(getpid());
	int err;

	if (open_count == QUEUES_MAX)
		return -ENOSPC;
	err = join();
	if (err)
		return err;
	if (queue->capacity > iox::MAX_SUBSCRIBER_QUEUE_CAPACITY)
		queue->capacity = iox::MAX_SUBSCRIBER_QUEUE_CAPACITY;

	const iox::capro::ServiceDescription name{
		"pyqueue-bench",
		{ iox::cxx::TruncateToCapacity, process },
		{ iox::cxx::TruncateToCapacity, std::to_string(++number) },
	};
	std::unique_ptr<ends> both(new (std::nothrow) ends(name, queue->capacity));

	if (!both)
		return -ENOMEM;
	err = connect(*both);
	if (err)
		return err;
	queue->backend = ICEORYX_LATEST_RELEASE_VERSION;
	queue->state = both.release();
	return 0;
}

static void close_queue(void *state)
{
	delete static_cast<ends *>(state);
}

const struct bench_peer peer_iceoryx = {
	.name = "iceoryx",
	.what = "loan(), publish(), take() and release(), copied in and out",
	.absent = "there is no iox-roudi here; 'tools/setup/packages bench' installs it",
	.calls_unseen = true,
	.producers = 1,
	.consumers = 1,
	.open = open_queue,
	.close = close_queue,
	BENCH_LOOPS,
};

const struct bench_peer peer_iceoryx_in_place = {
	.name = "iceoryx in place",
	.what = "loan(), publish(), take() and release(), written and read in the chunk",
	.absent = "there is no iox-roudi here; 'tools/setup/packages bench' installs it",
	.calls_unseen = true,
	.producers = 1,
	.consumers = 1,
	.open = open_queue,
	.close = close_queue,
	.produce = produce_in_place,
	.consume = consume_in_place,
};
