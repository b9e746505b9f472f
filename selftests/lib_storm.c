// SPDX-License-Identifier: GPL-2.0
/*
 * Processes that put and get without pause and are killed at any moment, on
 * whatever backend there is. Every message is accounted for, the bound is kept,
 * what comes to one getter comes in order, and nobody hangs.
 *
 *	PYQUEUE_STORM=SECONDS	how long a case takes (default 1.5)
 */
#include "pyqueue_test.h"

#include <pyqueue.h>
#include <sys/resource.h>

#include "shm/view.h"

#define PUTTERS 4
#define GETTERS 4
#define ALL (PUTTERS + GETTERS)

/* Who kills the others puts as well, under a number of his own, and gets. */
#define SELF_PUTS PUTTERS
#define SELF_GETS GETTERS

#define BATCH 3
#define LARGE 9000

/* Messages of a putter in one round, and how long that is. */
#define NUMBERS (1u << 20)
#define ROUND (SEC / 2)

/* Longer than any test: there is a watch of our own, which also says what it sees. */
#define A_DAY (24 * 3600)

/*
 * What is known of a number, in memory that survives them all. A putter says that
 * it begins, and that it has put; a getter that it has taken, and with how many
 * deliveries before. A get that has returned is over, so nothing is taken twice.
 * What was put and not taken was in the hand of a getter that was killed: then it
 * is still there to be seen. What was to come from a bad address, or was discarded,
 * is never put.
 */
enum { BEGUN = 1, PUT = 2, TAKEN = 4, IN_A_DEAD_HAND = 8, NEVER = 16, DELIVERIES = 1 << 8 };

struct message {
	uint64_t number;
	uint32_t putter;
	uint32_t check[9];
	unsigned char rest[LARGE - 48];
};

/* The last message of a putter in a round: whoever gets one goes. */
#define END UINT64_MAX

/* What a getter has just got, and what the one before in its place has seen. */
struct hand {
	struct message room[BATCH];
	struct pyq_msg msgs[BATCH];
	uint64_t last_id;
	uint64_t next[PUTTERS + 1];
};

enum { GO, STOP_AND_SAY_SO, STOP };

struct account {
	int stop;
	uint64_t base[PUTTERS + 1];	/* the first number of the round */
	uint64_t next[PUTTERS + 1];	/* the number that a putter goes on with */
	struct hand hands[GETTERS + 1];
	uint16_t known[PUTTERS + 1][NUMBERS];
};

/*
 * Found in a dead getter's hand: it may come to somebody else yet. Without a number of
 * deliveries, if he died between the message and that.
 */
struct found {
	uint32_t putter;
	uint32_t deliveries;
	uint64_t number;
};

#define FOUND_MAX (1 << 16)

FIXTURE(storm) {
	pyq_queue *q;
	struct view view;
	struct account *a;
	bool large;
	uint64_t maxsize;
	unsigned int seed;
	pid_t pids[ALL];	/* 0: nobody is in this place */
	bool doomed[ALL];
	struct found *found;
	unsigned int nr_found;
	unsigned int dead_putters, dead_getters, dead_in_get; /* this round */
	/* for the record */
	uint64_t put, kills, again, in_dead_hands, not_put;
	uint64_t longest, frozen, full_held, full_tombstone, over;
};

FIXTURE_VARIANT(storm) {
	int maxsize;
	bool large;
};

FIXTURE_VARIANT_ADD(storm, small) { .maxsize = 4 };
FIXTURE_VARIANT_ADD(storm, large) { .maxsize = 4, .large = true };
/* One slot more than messages: only the bound says that it is full. */
FIXTURE_VARIANT_ADD(storm, bound_3) { .maxsize = 3 };

FIXTURE_SETUP(storm)
{
	self->large = variant->large;
	self->maxsize = variant->maxsize;
	self->seed = 1;
	self->a = shared_memory(sizeof(*self->a));
	ASSERT_NE(NULL, self->a);
	self->found = malloc(FOUND_MAX * sizeof(*self->found));
	ASSERT_NE(NULL, self->found);
	ASSERT_EQ(0, pyq_create(&self->q, &(struct pyq_attr){ .maxsize = variant->maxsize,
							      .payload = 48 }));
	self->view = view_of(pyq_fd(self->q));
	/* Those who are to die by a signal leave no file. */
	ASSERT_EQ(0, setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 }));
}

FIXTURE_TEARDOWN(storm)
{
	pyq_close(self->q);
	free(self->found);
}

/* --- messages ----------------------------------------------------------------- */

static size_t length_of(uint64_t number, bool large)
{
	return large && number % 16 == 0 ? LARGE : offsetof(struct message, rest);
}

static void write_message(struct message *m, uint32_t putter, uint64_t number)
{
	m->number = number;
	m->putter = putter;
	for (int i = 0; i < 9; i++)
		m->check[i] = number * 31 + putter + i;
	memset(m->rest, (int)(number + putter), sizeof(m->rest));
}

/* All of it, and no other's. */
static bool is_whole(const struct message *m, size_t len)
{
	const unsigned char byte = m->number + m->putter;

	for (int i = 0; i < 9; i++)
		if (m->check[i] != (uint32_t)(m->number * 31 + m->putter + i))
			return false;
	return len < LARGE || (m->rest[0] == byte &&
			       !memcmp(m->rest, m->rest + 1, sizeof(m->rest) - 1));
}

static uint16_t *known_of(struct account *a, uint32_t putter, uint64_t number)
{
	return &a->known[putter][number - a->base[putter]];
}

static void add_known(struct account *a, uint32_t putter, uint64_t number, uint16_t what)
{
	__atomic_fetch_or(known_of(a, putter, number), what, __ATOMIC_SEQ_CST);
}

static bool is_of_this_round(const struct account *a, uint32_t putter, uint64_t number)
{
	return putter <= PUTTERS && number >= a->base[putter] && number < load(&a->next[putter]);
}

/* --- those who are killed ------------------------------------------------------ */

/* How they end, if it is not as they should. */
enum wrong { PUT_FAILED = 1, GET_FAILED, NOT_DEAD, IN_PART, NOBODYS, BAD_LENGTH, TWICE,
	     NEVER_PUT, OUT_OF_ORDER };

static const char *const wrongs[] = {
	[PUT_FAILED] = "a put failed",
	[GET_FAILED] = "a get failed",
	[NOT_DEAD] = "a bad address was good",
	[IN_PART] = "a message came in part",
	[NOBODYS] = "a message of nobody, or of another round",
	[BAD_LENGTH] = "a message of another length",
	[TWICE] = "a message came twice",
	[NEVER_PUT] = "a message that was never put",
	[OUT_OF_ORDER] = "a message came out of order",
};

/* An address at which there is nothing; the compiler is not to know. */
static void *volatile nowhere = (void *)8;

/* The next @n numbers of @me; the last of them from nowhere if @doomed. */
static int put_numbers(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int n, bool doomed,
		       int64_t timeout)
{
	static struct message room[BATCH];
	struct account *a = self->a;
	const uint64_t first = load(&a->next[me]);
	struct pyq_msg msgs[BATCH] = { };
	ssize_t ret;

	store(&a->next[me], first + n);
	for (unsigned int i = 0; i < n; i++) {
		write_message(&room[i], me, first + i);
		msgs[i].data = &room[i];
		msgs[i].len = length_of(first + i, self->large);
		add_known(a, me, first + i, BEGUN);
	}
	if (doomed) {
		msgs[n - 1].data = nowhere;
		add_known(a, me, first + n - 1, NEVER);
	}
	for (unsigned int done = 0; done < n; done += ret) {
		if (n - done == 1)
			ret = pyq_put(self->q, msgs[done].data, msgs[done].len, timeout) ?: 1;
		else
			ret = pyq_put_many(self->q, &msgs[done], n - done, timeout);
		if (ret < 0)
			return ret;
		for (unsigned int i = done; i < done + ret; i++)
			add_known(a, me, first + i, PUT);
	}
	return 0;
}

/* One number, written where it will lie; not put after all if @discard. */
static int put_by_loan(FIXTURE_DATA(storm) *self, uint32_t me, bool doomed, bool discard)
{
	struct account *a = self->a;
	const uint64_t number = load(&a->next[me]);
	struct pyq_loan loan;
	struct message m;
	int err;

	if (length_of(number, self->large) == LARGE)
		return put_numbers(self, me, 1, doomed, PYQ_FOREVER);
	store(&a->next[me], number + 1);
	add_known(a, me, number, BEGUN | (doomed || discard ? NEVER : 0));
	write_message(&m, me, number);
	err = pyq_reserve(self->q, &loan, PYQ_FOREVER);
	if (err)
		return err;
	memcpy(doomed ? nowhere : loan.data, &m, offsetof(struct message, rest));
	if (discard)
		return pyq_discard(self->q, &loan);
	err = pyq_commit(self->q, &loan, offsetof(struct message, rest));
	if (!err)
		add_known(a, me, number, PUT);
	return err;
}

static int put_end(FIXTURE_DATA(storm) *self, uint32_t me)
{
	struct message m;

	write_message(&m, me, END);
	return pyq_put(self->q, &m, offsetof(struct message, rest), PYQ_FOREVER);
}

/* @doom: after how many turns it dies by an address, 0 for not at all. */
static void putter(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int doom)
{
	struct account *a = self->a;

	for (unsigned int turn = 1; !load(&a->stop); turn++) {
		int err;

		if (load(&a->next[me]) - a->base[me] > NUMBERS - BATCH) {
			let_others_run(); /* until the round is over */
			continue;
		}
		if (self->view.hdr && turn % 4 == 0)
			err = put_by_loan(self, me, turn == doom, turn % 32 == 0);
		else
			err = put_numbers(self, me, turn % 8 == 1 ? BATCH : 1, turn == doom,
					  PYQ_FOREVER);
		if (err)
			_exit(PUT_FAILED);
		if (turn == doom)
			_exit(NOT_DEAD);
	}
	if (load(&a->stop) == STOP_AND_SAY_SO && put_end(self, me))
		_exit(PUT_FAILED);
	_exit(0);
}

/* Account for a message that a get has returned. Return: 0, or what is wrong. */
static int take(FIXTURE_DATA(storm) *self, struct hand *hand, const struct pyq_msg *msg,
		const struct message *m, unsigned int *ends)
{
	const unsigned int before = msg->deliveries - 1;
	uint16_t known;

	if (!is_whole(m, msg->len))
		return IN_PART;
	if (m->number == END) {
		++*ends;
		return 0;
	}
	if (!is_of_this_round(self->a, m->putter, m->number))
		return NOBODYS;
	if (msg->len != length_of(m->number, self->large))
		return BAD_LENGTH;
	known = __atomic_fetch_or(known_of(self->a, m->putter, m->number),
				  TAKEN | (before < 255 ? before : 255) * DELIVERIES,
				  __ATOMIC_SEQ_CST);
	if (known & TAKEN)
		return TWICE;
	if (known & NEVER || !(known & BEGUN))
		return NEVER_PUT;
	if (before)
		return 0;
	/* Not out of a dead hand: in order, all together and each putter's. */
	if (msg->id < hand->last_id || m->number < hand->next[m->putter])
		return OUT_OF_ORDER;
	hand->last_id = msg->id + 1;
	hand->next[m->putter] = m->number + 1;
	return 0;
}

static int get_some(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int n, bool doomed,
		    int64_t timeout, unsigned int *ends)
{
	struct hand *hand = &self->a->hands[me];
	ssize_t ret;

	for (unsigned int i = 0; i < n; i++)
		hand->msgs[i] = (struct pyq_msg){ .data = &hand->room[i], .size = LARGE };
	if (doomed)
		hand->msgs[n - 1].data = nowhere;
	if (n == 1)
		ret = pyq_get_msg(self->q, hand->msgs, timeout);
	else
		ret = pyq_get_many(self->q, hand->msgs, n, timeout);
	if (ret < 0)
		return ret;
	if (n == 1)
		ret = 1;
	for (int i = 0; i < ret; i++) {
		int wrong = take(self, hand, &hand->msgs[i], &hand->room[i], ends);

		if (wrong)
			return wrong;
	}
	return 0;
}

/* One message, read where it lies. */
static int get_by_loan(FIXTURE_DATA(storm) *self, uint32_t me, bool doomed, unsigned int *ends)
{
	struct hand *hand = &self->a->hands[me];
	struct pyq_loan loan;
	int err = pyq_borrow(self->q, &loan, PYQ_FOREVER);

	if (err)
		return err;
	hand->msgs[0] = (struct pyq_msg){ .len = loan.size, .id = loan.id,
					  .deliveries = loan.deliveries };
	memcpy(doomed ? nowhere : &hand->room[0], loan.data, loan.size);
	err = pyq_release(self->q, &loan);
	return err ?: take(self, hand, &hand->msgs[0], &hand->room[0], ends);
}

static void getter(FIXTURE_DATA(storm) *self, uint32_t me, unsigned int doom)
{
	for (unsigned int turn = 1;; turn++) {
		unsigned int ends = 0;
		int ret;

		if (self->view.hdr && turn % 4 == 0)
			ret = get_by_loan(self, me, turn == doom, &ends);
		else
			ret = get_some(self, me, turn % 8 == 1 ? BATCH : 1, turn == doom,
				       PYQ_FOREVER, &ends);
		if (ret == -ESHUTDOWN)
			_exit(0);
		if (ret)
			_exit(ret < 0 ? GET_FAILED : ret);
		if (!ends)
			continue;
		/* One is for me, the others were for others. */
		while (--ends)
			if (put_end(self, 0))
				_exit(PUT_FAILED);
		_exit(0);
	}
}

static const char *how_it_ended(int how)
{
	static char text[64];

	if (how < 0 && -how < (int)(sizeof(wrongs) / sizeof(wrongs[0])) && wrongs[-how])
		return wrongs[-how];
	snprintf(text, sizeof(text), "it ended with %d", how);
	return text;
}

static void revive(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, bool doom)
{
	for (int i = 0; i < ALL; i++) {
		unsigned int when = 0;

		if (self->pids[i])
			continue;
		/* What is at a bad address kills only where the queue is in shared memory. */
		if (doom && self->view.hdr && rand_r(&self->seed) % 4 == 0)
			when = 1 + rand_r(&self->seed) % 50;
		self->doomed[i] = when;
		self->pids[i] = spawn();
		if (!self->pids[i] && i < PUTTERS)
			putter(self, i, when);
		if (!self->pids[i])
			getter(self, i - PUTTERS, when);
		ASSERT_LT(0, self->pids[i]);
	}
}

/* --- death ----------------------------------------------------------------------- */

/* Whole messages in a dead getter's hand that nobody has taken. It is empty then. */
static void search_hand(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int place)
{
	struct hand *hand = &self->a->hands[place];

	for (int i = 0; i < BATCH; i++) {
		const struct message *m = &hand->room[i];

		if (is_of_this_round(self->a, m->putter, m->number) &&
		    is_whole(m, length_of(m->number, self->large)) &&
		    !(load(known_of(self->a, m->putter, m->number)) & TAKEN)) {
			ASSERT_GT(FOUND_MAX, self->nr_found);
			self->found[self->nr_found++] = (struct found){
				.putter = m->putter,
				.number = m->number,
				.deliveries = hand->msgs[i].deliveries,
			};
		}
		memset(&hand->room[i], 0, offsetof(struct message, rest));
	}
}

static void bury(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int i, int how)
{
	const bool by_address = how == KILLED_BY(SIGSEGV);

	ASSERT_TRUE(how == KILLED_BY(SIGKILL) || (by_address && self->doomed[i]))
		TH_LOG("%s %d: %s", i < PUTTERS ? "putter" : "getter", i, how_it_ended(how));
	self->pids[i] = 0;
	self->kills++;
	if (i < PUTTERS) {
		self->dead_putters++;
	} else {
		self->dead_getters++;
		self->dead_in_get += by_address;
		search_hand(_metadata, self, i - PUTTERS);
	}
}

static void kill_one(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int i)
{
	kill(self->pids[i], SIGKILL);
	bury(_metadata, self, i, reap(self->pids[i]));
}

/* --- the watch ------------------------------------------------------------------- */

static const char *const states[16] = { "FREE", "WRITING", "READY", "READING", "ABORTED",
					"SKIPPING", "ORPHAN" };

static void tell_waiters(const char *name, const struct pyqueue_waiters *side)
{
	const uint64_t word = load(&side->sleepers);

	fprintf(stderr, "#   %s: %llu announced, sequence %llu\n", name,
		(unsigned long long)(word & PYQUEUE_ANNOUNCED),
		(unsigned long long)(word >> PYQUEUE_SEQUENCE_SHIFT));
}

/* Everything that can be seen. pyq_stat() comes last: it looks for the dead itself. */
static void tell(FIXTURE_DATA(storm) *self)
{
	const struct pyqueue_header *hdr = self->view.hdr;
	struct pyq_stat st = { 0 };
	int err;

	fprintf(stderr, "# somebody hangs\n");
	if (hdr) {
		fprintf(stderr, "#   tail %#llx, head %#llx, marks %#llx, detour %#x\n",
			(unsigned long long)load(&hdr->tail), (unsigned long long)load(&hdr->head),
			(unsigned long long)load(&hdr->marks), load(&hdr->detour));
		tell_waiters("getters", &hdr->getters);
		tell_waiters("putters", &hdr->putters);
		for (uint64_t i = 0; i >> hdr->order == 0; i++) {
			const uint64_t word = view_word(&self->view, i);

			fprintf(stderr, "#   slot %llu: lap %u %s, owner %u, deliveries %u\n",
				(unsigned long long)i, pyq_word_lap(word),
				states[pyq_word_state(word)] ?: "?", pyq_word_owner(word),
				pyq_word_deliveries(word));
		}
	}
	for (int i = 0; i < ALL; i++) {
		char path[64], where[64] = "";
		FILE *f;

		if (!self->pids[i])
			continue;
		snprintf(path, sizeof(path), "/proc/%d/wchan", self->pids[i]);
		f = fopen(path, "r");
		if (f) {
			if (!fgets(where, sizeof(where), f))
				where[0] = '\0';
			fclose(f);
		}
		fprintf(stderr, "#   %s, process %d: in %s\n", i < PUTTERS ? "putter" : "getter",
			self->pids[i], where);
	}
	err = pyq_stat(self->q, &st);
	fprintf(stderr, "#   pyq_stat: %d, qsize %llu of %lld, %u getters, %u putters%s%s\n", err,
		(unsigned long long)st.qsize, (long long)st.maxsize, st.getters, st.putters,
		st.shutdown ? ", shut down" : "", st.broken ? ", broken" : "");
}

/* As reap() has it. */
static int how_of(int status)
{
	return WIFSIGNALED(status) ? KILLED_BY(WTERMSIG(status)) : -WEXITSTATUS(status);
}

/* One who ends by himself, and soon. */
static void see_off(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, int i)
{
	const char *who = i < PUTTERS ? "putter" : "getter";
	int status = 0;
	pid_t pid = 0;

	if (!eventually((pid = waitpid(self->pids[i], &status, WNOHANG)) != 0))
		tell(self);
	ASSERT_EQ(self->pids[i], pid) TH_LOG("%s %d does not end", who, i);
	ASSERT_EQ(0, how_of(status)) TH_LOG("%s %d: %s", who, i, how_it_ended(how_of(status)));
	self->pids[i] = 0;
}

/* --- the bound --------------------------------------------------------------------- */

/*
 * Never more than maxsize: tail is read first and head only grows, so what is
 * found has been so when tail was read, or less.
 */
static void look_at_bound(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	uint64_t n = view_tail(&self->view);

	n -= view_head(&self->view);
	ASSERT_GE((int64_t)self->maxsize, (int64_t)n);
}

/* One more, if there is room. */
static bool put_or_not(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	int err = put_numbers(self, SELF_PUTS, 1, false, PYQ_NOWAIT);

	if (!err)
		return true;
	ASSERT_EQ(-EAGAIN, err);
	/* The number has not been put: it is the next one's. */
	self->a->next[SELF_PUTS]--;
	*known_of(self->a, SELF_PUTS, self->a->next[SELF_PUTS]) = 0;
	return false;
}

/* So many until it is full. */
static int fill(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	int n = 0;

	while (put_or_not(_metadata, self)) {
		ASSERT_GE(self->maxsize, ++n);
	}
	return n;
}

/* Somebody dies with a message in hand, and now and then one with a slot, if they get one. */
static void die_at_work(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	for (int gets = 1; gets >= (int)self->frozen % 2; gets--) {
		unsigned int ends = 0;
		pid_t pid = spawn();
		int how;

		if (!pid && gets)
			leave(get_some(self, SELF_GETS, 1, true, PYQ_NOWAIT, &ends));
		if (!pid)
			leave(put_numbers(self, SELF_PUTS, 1, true, PYQ_NOWAIT));
		ASSERT_LT(0, pid);
		how = reap(pid);
		if (how == -EAGAIN)
			continue;
		ASSERT_EQ(KILLED_BY(SIGSEGV), how);
		self->kills++;
		self->dead_putters += !gets;
		self->dead_getters += gets;
		self->dead_in_get += gets;
	}
}

/*
 * A put has said "full". There are maxsize messages; or less, because the slot in
 * question is held by somebody, one lap back, or because there is a tombstone
 * behind a message: it goes when that has gone.
 */
static void check_full(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, uint64_t qsize)
{
	const uint64_t tail = view_tail(&self->view), head = view_head(&self->view);
	const unsigned int state = pyq_word_state(view_word(&self->view, tail));
	uint64_t orphans = 0, tombstones = 0;

	for (uint64_t pos = head; pos < tail; pos++)
		tombstones += view_is(&self->view, pos, PYQUEUE_ABORTED);
	for (uint64_t i = 0; i >> self->view.hdr->order == 0; i++)
		orphans += pyq_word_state(view_word(&self->view, i)) == PYQUEUE_ORPHAN;
	ASSERT_EQ(tail - head - tombstones + orphans, qsize);
	ASSERT_GE(self->maxsize + orphans, qsize);
	if (tail - head == self->maxsize) {
		ASSERT_FALSE(view_is(&self->view, head, PYQUEUE_ABORTED));
		self->full_tombstone += qsize < self->maxsize;
	} else {
		ASSERT_TRUE(view_is_behind(&self->view, tail));
		ASSERT_TRUE(state == PYQUEUE_READING || state == PYQUEUE_ORPHAN ||
			    state == PYQUEUE_SKIPPING);
		self->full_held += qsize < self->maxsize;
	}
	self->over += qsize > self->maxsize;
}

/* All others stand still, wherever they are, so everything is exact. */
static void look_at_full(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	struct pyq_stat st;
	int n;

	for (int i = 0; i < ALL; i++) {
		int status;

		ASSERT_EQ(0, kill(self->pids[i], SIGSTOP));
		ASSERT_EQ(self->pids[i], waitpid(self->pids[i], &status, WUNTRACED));
		if (!WIFSTOPPED(status))
			bury(_metadata, self, i, how_of(status));
	}
	ASSERT_EQ(0, pyq_stat(self->q, &st)); /* and settles what the dead have left */
	if (self->view.hdr) {
		put_or_not(_metadata, self);
		die_at_work(_metadata, self);
		ASSERT_EQ(0, pyq_stat(self->q, &st));
	}
	n = fill(_metadata, self);
	ASSERT_EQ(st.qsize + n, pyq_qsize(self->q));
	if (self->view.hdr)
		check_full(_metadata, self, st.qsize + n);
	else /* The module's: nobody stands still with a slot in hand. */
		ASSERT_EQ(self->maxsize, st.qsize + n);
	self->frozen++;
	for (int i = 0; i < ALL; i++)
		if (self->pids[i])
			ASSERT_EQ(0, kill(self->pids[i], SIGCONT));
}

/* --- rounds -------------------------------------------------------------------------- */

static bool is_window_full(const struct account *a)
{
	for (int i = 0; i <= PUTTERS; i++)
		if (load(&a->next[i]) - a->base[i] > NUMBERS / 4 * 3)
			return true;
	return false;
}

static void rage(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, uint64_t ns)
{
	const uint64_t end = in_ns(ns);

	for (unsigned int turn = 1; now_ns() < end && !is_window_full(self->a); turn++) {
		revive(_metadata, self, true);
		for (int n = rand_r(&self->seed) % 500; n > 0; n--) {
			if (self->view.hdr)
				look_at_bound(_metadata, self);
			else
				now_ns();
		}
		if (turn % 16 == 0)
			look_at_full(_metadata, self);
		else
			kill_one(_metadata, self, rand_r(&self->seed) % ALL);
	}
}

/* Those who are left take all there is, and go. Nobody else helps them. */
static void calm(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, bool last)
{
	uint64_t begin;

	for (int i = 0; i < ALL; i++)
		if (self->pids[i] && self->doomed[i])
			kill_one(_metadata, self, i);
	revive(_metadata, self, false);
	begin = now_ns();
	store(&self->a->stop, last ? STOP : STOP_AND_SAY_SO);
	for (int i = 0; i < PUTTERS; i++)
		see_off(_metadata, self, i);
	if (last)
		ASSERT_EQ(0, pyq_shutdown(self->q, false));
	for (int i = PUTTERS; i < ALL; i++)
		see_off(_metadata, self, i);
	store(&self->a->stop, GO);
	if (now_ns() - begin > self->longest)
		self->longest = now_ns() - begin;
}

/* What may still be there: nobody had noticed who died with it. Return: so many. */
static int drain(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	unsigned int ends = 0;
	int n = 0, ret;

	while (!(ret = get_some(self, SELF_GETS, 1, false, PYQ_NOWAIT, &ends)))
		n++;
	ASSERT_TRUE(ret == -EAGAIN || ret == -ESHUTDOWN) TH_LOG("get: %d", ret);
	ASSERT_EQ(0, ends);
	return n;
}

/* Nobody is there any more. The queue is as new. */
static void check_queue(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self, bool last)
{
	struct pyq_stat st;

	ASSERT_EQ(0, pyq_stat(self->q, &st));
	ASSERT_EQ(drain(_metadata, self), st.qsize);
	ASSERT_EQ(0, pyq_stat(self->q, &st));
	EXPECT_EQ(0, st.qsize);
	EXPECT_EQ(0, st.large_bytes);
	EXPECT_EQ(0, st.getters);
	EXPECT_EQ(0, st.putters);
	if (last)
		return;
	ASSERT_EQ(self->maxsize, fill(_metadata, self));
	/* In each of its slots: with one less there is room for one. */
	for (unsigned int ends = 0, i = 0; i < 4 * self->maxsize; i++) {
		ASSERT_EQ(0, get_some(self, SELF_GETS, 1, false, PYQ_NOWAIT, &ends));
		ASSERT_EQ(1, fill(_metadata, self));
		ASSERT_EQ(self->maxsize, pyq_qsize(self->q));
	}
	ASSERT_EQ(self->maxsize, drain(_metadata, self));
}

static void settle(struct __test_metadata *_metadata, FIXTURE_DATA(storm) *self)
{
	struct account *a = self->a;
	uint64_t again = 0, not_put = 0;
	bool all_told = true;

	/* The last one that had it: the others have died before their get was over. */
	while (self->nr_found) {
		const struct found *f = &self->found[--self->nr_found];
		const uint16_t known = *known_of(a, f->putter, f->number);

		if (known & (TAKEN | IN_A_DEAD_HAND))
			continue;
		add_known(a, f->putter, f->number, IN_A_DEAD_HAND);
		if (f->deliveries)
			again += f->deliveries - 1;
		else
			all_told = false;
		self->in_dead_hands++;
	}
	for (int p = 0; p <= PUTTERS; p++) {
		for (uint64_t i = a->base[p]; i < a->next[p]; i++) {
			const uint16_t known = *known_of(a, p, i);

			self->put += !!(known & PUT);
			again += known / DELIVERIES;
			if (known & (TAKEN | IN_A_DEAD_HAND))
				continue;
			ASSERT_FALSE(known & PUT) TH_LOG("message %llu of putter %d is lost",
							 (unsigned long long)i, p);
			not_put += !(known & NEVER);
		}
		memset(a->known[p], 0, (a->next[p] - a->base[p]) * sizeof(a->known[p][0]));
		a->base[p] = a->next[p];
	}
	EXPECT_GE(BATCH * self->dead_putters, not_put);
	/* Whoever died in a get on the way to nowhere had one in hand; others, up to a batch. */
	if (all_told)
		EXPECT_LE(self->dead_in_get, again);
	EXPECT_GE(BATCH * self->dead_getters, again);
	self->again += again;
	self->not_put += not_put;
	self->dead_putters = self->dead_getters = self->dead_in_get = 0;
}

/* proves: promise kill-storm, promise no-hang, promise bound-exact */
TEST_F_TIMEOUT(storm, kills, A_DAY)
{
	const char *seconds = getenv("PYQUEUE_STORM");
	const uint64_t begin = now_ns();
	const uint64_t ns = (seconds ? atof(seconds) : 1.5) * SEC;
	const uint64_t round = ns / 2 < ROUND ? ns / 2 : ROUND;
	bool last;

	do {
		last = now_ns() - begin + round >= ns;
		rage(_metadata, self, round);
		calm(_metadata, self, last);
		check_queue(_metadata, self, last);
		settle(_metadata, self);
	} while (!last && _metadata->passed);
	TH_LOG("%llu put, %llu killed: %llu not put, %llu came again, %llu in dead hands; then %llu ms at most",
	       (unsigned long long)self->put, (unsigned long long)self->kills,
	       (unsigned long long)self->not_put, (unsigned long long)self->again,
	       (unsigned long long)self->in_dead_hands,
	       (unsigned long long)(self->longest / MSEC));
	TH_LOG("stopped %llu times: over the bound by orphans %llu, full below it: %llu held, %llu tombstones",
	       (unsigned long long)self->frozen, (unsigned long long)self->over,
	       (unsigned long long)self->full_held, (unsigned long long)self->full_tombstone);
	EXPECT_LT(0, self->put);
	EXPECT_LT(0, self->kills);
}

TEST_HARNESS_MAIN
