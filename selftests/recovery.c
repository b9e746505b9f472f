// SPDX-License-Identifier: GPL-2.0
/*
 * The end of a mapping: whatever it is, what its owner had in the ring is settled,
 * and those who waited for it go on. How long that takes is printed, a line a way to
 * die; docs/kernel-contract.md has the table.
 */
#include "actors.h"
#include "mapped.h"

#include <sys/resource.h>
#include <sys/stat.h>

#define GROUP "/sys/fs/cgroup/pyqueue-recovery"

/* What the dying, and who waits, tell. */
struct told {
	int ready;	/* in hand by now: he may die */
	uint64_t died;	/* when he began to */
	uint64_t went_on;
};

static void *volatile nowhere;

/* --- ways to go ------------------------------------------------------------- */

static int go_by_munmap(int q, struct pyq_ring *r, struct told *told)
{
	store(&told->died, now_ns());
	if (unmap_ring(q, r))
		return 1;
	/* It lives on. */
	pause();
	return 2;
}

static int go_by_exit(int q, struct pyq_ring *r, struct told *told)
{
	store(&told->died, now_ns());
	return 0;
}

static int go_by_exec(int q, struct pyq_ring *r, struct told *told)
{
	store(&told->died, now_ns());
	execl("/bin/sleep", "sleep", "1000", NULL);
	return 3;
}

/* The test kills it. */
static int go_by_kill(int q, struct pyq_ring *r, struct told *told)
{
	pause();
	return 4;
}

static int go_by_abort(int q, struct pyq_ring *r, struct told *told)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	signal(SIGSEGV, SIG_DFL);
	store(&told->died, now_ns());
	return *(volatile char *)nowhere;
}

/* The more it has, the longer it takes; and all the while it has its mappings. */
#define CORE (16 << 20)

static int go_by_dump(int q, struct pyq_ring *r, struct told *told)
{
	if (chdir("/tmp"))
		return 5;
	memset(mmap(NULL, CORE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), 1,
	       CORE);
	setrlimit(RLIMIT_CORE, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
	signal(SIGSEGV, SIG_DFL);
	store(&told->died, now_ns());
	return *(volatile char *)nowhere;
}

static int go_by_oom(int q, struct pyq_ring *r, struct told *told)
{
	if (write_file(GROUP "/memory.max", "8M") || write_file(GROUP "/cgroup.procs", "0"))
		return 6;
	/* The last that it can say before it is over the limit. */
	for (;;) {
		char *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		store(&told->died, now_ns());
		memset(more, 1, 1 << 20);
	}
}

/* The thread that had it is gone, and the process with it. */
static int go_by_group(int q, struct pyq_ring *r, struct told *told)
{
	if (!vfork()) {
		store(&told->died, now_ns());
		kill(getppid(), SIGKILL);
		_exit(0);
	}
	return 7;
}

FIXTURE(recovery) {
	int dev;
	int q;
	struct told *told;
	struct pyq_ring r;
};

FIXTURE_VARIANT(recovery) {
	const char *how;
	int (*go)(int q, struct pyq_ring *r, struct told *told);
	bool lives;	/* it has to be killed afterwards */
	bool needs_group;
};

FIXTURE_VARIANT_ADD(recovery, munmap) { "munmap()", go_by_munmap, true };
FIXTURE_VARIANT_ADD(recovery, exit) { "_exit()", go_by_exit };
FIXTURE_VARIANT_ADD(recovery, exec) { "execve()", go_by_exec, true };
FIXTURE_VARIANT_ADD(recovery, kill) { "SIGKILL", go_by_kill };
FIXTURE_VARIANT_ADD(recovery, kill_from_vfork) { "SIGKILL in vfork()", go_by_group };
FIXTURE_VARIANT_ADD(recovery, segv) { "SIGSEGV", go_by_abort };
FIXTURE_VARIANT_ADD(recovery, core) { "SIGSEGV, 16 MiB of core", go_by_dump };
FIXTURE_VARIANT_ADD(recovery, oom) { "the OOM killer of a cgroup", go_by_oom, false, true };

FIXTURE_SETUP(recovery)
{
	if (variant->needs_group && (mkdir(GROUP, 0755) || access(GROUP "/memory.max", W_OK)))
		SKIP(return, "no memory controller of cgroup2");
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 2, .payload = 48);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(1, map_ring(self->q, &self->r));
	self->told = shared_memory(sizeof(*self->told));
	ASSERT_NE(NULL, self->told);
}

FIXTURE_TEARDOWN(recovery)
{
	unmap_ring(self->q, &self->r);
	close(self->q);
	close(self->dev);
	if (variant->needs_group)
		eventually(!rmdir(GROUP) || errno != EBUSY);
}

/* In a process of its own: has something in hand, says so, and goes. */
static pid_t doomed(struct __test_metadata *_metadata, FIXTURE_DATA(recovery) *self,
		    const FIXTURE_VARIANT(recovery) *variant, int (*claim)(struct pyq_ring *r))
{
	pid_t pid = child(({
		struct pyq_ring own;

		if (map_ring(self->q, &own) < 0 || claim(&own))
			_exit(99);
		store(&self->told->ready, 1);
		variant->go(self->q, &own, self->told);
	}));

	EXPECT_TRUE(eventually(load(&self->told->ready)));
	return pid;
}

static void die(struct __test_metadata *_metadata, FIXTURE_DATA(recovery) *self,
		const FIXTURE_VARIANT(recovery) *variant, pid_t pid)
{
	if (variant->go != go_by_kill)
		return;
	store(&self->told->died, now_ns());
	EXPECT_EQ(0, kill(pid, SIGKILL));
}

/* How many microseconds the one who waited has waited for that. */
static unsigned int waited(const struct told *told)
{
	return (told->went_on - told->died) / 1000;
}

static void report(const FIXTURE_VARIANT(recovery) *variant, const char *what,
		   const struct told *told)
{
	fprintf(TH_LOG_STREAM, "# time to go on: %s, %s: %u us\n", variant->how, what, waited(told));
}

/* A message in hand comes to the one who waits, with a count; those behind it come after it. */
/* proves: promise recovery */
TEST_F(recovery, message_in_hand)
{
	struct told *told = self->told;
	struct pyqueue_get got;
	pid_t victim, getter;
	char c;

	ASSERT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	victim = doomed(_metadata, self, variant, claim_get);
	getter = child(({
		int ret = pq_get_full(self->q, &c, 1, SOON, &got);

		store(&told->went_on, now_ns());
		ret == 1 && c == 'x' && got.deliveries == 2 ? 0 : -1;
	}));
	/* Those who go by themselves may have gone already. */
	if (variant->go == go_by_kill) {
		EXPECT_TRUE(wait_asleep(self->q, getters, 1, getter));
	}
	die(_metadata, self, variant, victim);
	EXPECT_EQ(0, reap(getter));
	report(variant, "to have its message", told);
	EXPECT_EQ(-EAGAIN, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	if (variant->lives)
		kill(victim, SIGKILL);
	reap(victim);
	EXPECT_EQ(1, pq_stat(self->q).owners);
}

/* A slot that was being written to is skipped: what is behind it can be had. */
TEST_F(recovery, slot_in_hand)
{
	struct told *told = self->told;
	pid_t victim, getter;
	char c;

	victim = doomed(_metadata, self, variant, claim_put);
	/* There is room for one more, behind it; unless the first is gone already. */
	ASSERT_EQ(0, pq_put(self->q, "y", 1, PYQUEUE_NOWAIT));
	getter = child(({
		int ret = pq_get(self->q, &c, 1, SOON);

		store(&told->went_on, now_ns());
		ret == 1 && c == 'y' ? 0 : -1;
	}));
	if (variant->go == go_by_kill) {
		EXPECT_TRUE(wait_asleep(self->q, getters, 1, getter));
	}
	die(_metadata, self, variant, victim);
	EXPECT_EQ(0, reap(getter));
	/* Nothing is unfinished but the one that was put. */
	EXPECT_EQ(1, pq_stat(self->q).unfinished);
	EXPECT_EQ(2, put_up_to(self->q, 3));
	if (variant->lives)
		kill(victim, SIGKILL);
	reap(victim);
	EXPECT_EQ(1, pq_stat(self->q).owners);
}

/* --- what is owed ------------------------------------------------------------------ */

FIXTURE(owed) {
	int dev;
	int q;
	struct pyq_ring r;
};

FIXTURE_SETUP(owed)
{
	self->dev = dev_open();
	ASSERT_LE(0, self->dev);
	self->q = pq_create(self->dev, .maxsize = 4, .payload = 48);
	ASSERT_LE(0, self->q);
	ASSERT_EQ(1, map_ring(self->q, &self->r));
}

FIXTURE_TEARDOWN(owed)
{
	unmap_ring(self->q, &self->r);
	close(self->q);
	close(self->dev);
}

/* What a process with a mapping of its own does, and then it is gone. */
#define gone(q, r_, ...)                                                     \
	({                                                                   \
		pid_t pid_ = child(({                                        \
			struct pyq_ring r_;                                  \
			map_ring(q, &r_) < 0 ? -1 : ({ __VA_ARGS__; });      \
		}));                                                         \
		reap(pid_);                                                  \
	})

/* Put, or get, in the ring, and say nothing to anybody. */
static int put_silently(struct pyq_ring *r)
{
	struct pyq_op op;

	return pyq_ring_claim_put(r, &op) ?: pyq_ring_publish(r, &op, 0, 0);
}

static int get_silently(struct pyq_ring *r)
{
	struct pyq_op op = { .freed = false };

	return pyq_ring_claim_get(r, &op, UINT64_MAX) ?: pyq_ring_release(r, &op);
}

/*
 * Who dies between a message and the call that it is worth, before he has claimed the
 * sleeper or after, has the kernel make the call.
 */
/* proves: promise recovery-of-calls */
TEST_F(owed, calls_of_getters)
{
	for (int claims = 0; claims < 2; claims++) {
		pid_t pids[3];
		char c;

		for (int i = 0; i < 3; i++) {
			pids[i] = child(pq_get(self->q, &c, 1, SOON));
			ASSERT_TRUE(wait_asleep(self->q, getters, i + 1, pids[i]));
		}
		/* Two messages, and he was to call two. */
		EXPECT_EQ(0, gone(self->q, r, put_silently(&r) ?: put_silently(&r) ?:
				  (claims && pyq_sleepers_claim(&r.hdr->getters.sleepers, 2) != 2)));
		EXPECT_EQ(0, reap(pids[0]));
		EXPECT_EQ(0, reap(pids[1]));
		/* The third sleeps on, and can be called. */
		EXPECT_EQ(1, pq_stat(self->q).getters);
		EXPECT_TRUE(eventually((self->r.hdr->getters.sleepers & PYQUEUE_ANNOUNCED) == 1));
		EXPECT_EQ(0, put_silently(&self->r));
		EXPECT_EQ(1, pyq_sleepers_claim(&self->r.hdr->getters.sleepers, 1));
		EXPECT_EQ(0, pq_wake(self->q, PYQUEUE_WAKE_GETTERS, 1));
		EXPECT_EQ(0, reap(pids[2]));
		EXPECT_EQ(0, pq_qsize(self->q));
	}
}

TEST_F(owed, calls_of_putters)
{
	for (int claims = 0; claims < 2; claims++) {
		pid_t pids[2];

		put_up_to(self->q, 4);
		ASSERT_EQ(4, pq_qsize(self->q));
		for (int i = 0; i < 2; i++) {
			pids[i] = child(pq_put(self->q, "", 0, SOON));
			ASSERT_TRUE(wait_asleep(self->q, putters, i + 1, pids[i]));
		}
		EXPECT_EQ(0, gone(self->q, r, get_silently(&r) ?:
				  (claims && pyq_sleepers_claim(&r.hdr->putters.sleepers, 1) != 1)));
		EXPECT_EQ(0, reap(pids[0]));
		EXPECT_EQ(1, pq_stat(self->q).putters);
		EXPECT_EQ(1, get_up_to(self->q, 1));
		EXPECT_EQ(0, reap(pids[1]));
	}
}

TEST_F(owed, calls_of_joiners_and_pollers)
{
	struct pollfd pfd = { .fd = self->q, .events = POLLIN };
	pid_t joiner, poller;

	for (int claims = 0; claims < 2; claims++) {
		ASSERT_EQ(1, put_up_to(self->q, 1));
		ASSERT_EQ(1, get_up_to(self->q, 1));
		joiner = child(pq_join(self->q, SOON));
		ASSERT_TRUE(wait_asleep(self->q, joiners, 1, joiner));
		/* The last task_done, and no call. */
		EXPECT_EQ(0, gone(self->q, r, ({
			__u64 done = pyq_load_acquire(&r.hdr->done);

			!pyq_cas(&r.hdr->done, done, done + 1) ||
			(claims && pyq_sleepers_claim(&r.hdr->joiners.sleepers, 1) != 1);
		})));
		EXPECT_EQ(0, reap(joiner));

		poller = child(poll(&pfd, 1, -1) == 1 ? 0 : -1);
		ASSERT_TRUE(eventually(asleep_in_poll(poller)));
		EXPECT_EQ(0, gone(self->q, r, put_silently(&r) ?:
				  (claims && !pyq_pollers_claim(&r.hdr->getters))));
		EXPECT_EQ(0, reap(poller));
		ASSERT_EQ(0, get_silently(&self->r));
		EXPECT_EQ(0, pq_task_done(self->q, 1));
	}
}

/* Who was called, to claim for himself, and dies before he does, has the next one called. */
TEST_F(owed, called_and_gone)
{
	int go[2];
	pid_t first, second;
	char c;

	ASSERT_EQ(0, pipe(go));
	first = child(({
		struct pyq_ring r;

		close(go[1]);
		map_ring(self->q, &r) < 0 || pq_await(self->q, PYQUEUE_READ, SOON) ||
			read(go[0], &c, 1);
	}));
	close(go[0]);
	ASSERT_TRUE(wait_asleep(self->q, getters, 1, first));
	second = child((close(go[1]), pq_get(self->q, &c, 1, SOON)));
	ASSERT_TRUE(wait_asleep(self->q, getters, 2, second));
	EXPECT_EQ(0, pq_put(self->q, "x", 1, PYQUEUE_NOWAIT));
	ASSERT_TRUE(wait_sleepers(self->q, getters, 1));
	close(go[1]);
	EXPECT_EQ(0, reap(first));
	EXPECT_EQ(0, reap(second));
}

/* Shut down at once while he has one in hand: it counts as done, and is not there. */
TEST_F(owed, dropped)
{
	ASSERT_EQ(2, put_up_to(self->q, 2));
	EXPECT_EQ(0, gone(self->q, r, claim_get(&r) ?: claim_put(&r) ?:
			  pq_shutdown(self->q, PYQUEUE_IMMEDIATE)));
	EXPECT_EQ(0, pq_qsize(self->q));
	EXPECT_EQ(0, pq_join(self->q, PYQUEUE_NOWAIT));
	EXPECT_EQ(-ESHUTDOWN, pq_get(self->q, NULL, 0, PYQUEUE_NOWAIT));
}

/* Many at a time, with all there is in hand. */
TEST_F(owed, many_at_once)
{
	pid_t pids[20];
	char c;

	for (int round = 0; round < 10; round++) {
		ASSERT_EQ(4, put_up_to(self->q, 4));
		for (int i = 0; i < 20; i++)
			pids[i] = child(({
				struct pyq_ring r;

				if (map_ring(self->q, &r) < 0)
					_exit(1);
				claim_get(&r);
				pause();
			}));
		/* The four of them who have got one, and then all. */
		EXPECT_TRUE(eventually(!pq_qsize(self->q)));
		for (int i = 0; i < 20; i++)
			kill(pids[i], SIGKILL);
		for (int i = 0; i < 20; i++)
			reap(pids[i]);
		EXPECT_EQ(1, pq_stat(self->q).owners);
		for (int i = 0; i < 4; i++)
			EXPECT_EQ(1, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
		EXPECT_EQ(-EAGAIN, pq_get(self->q, &c, 1, PYQUEUE_NOWAIT));
	}
}

TEST_HARNESS_MAIN
