// SPDX-License-Identifier: GPL-2.0
/*
 * The baton: whoever was woken and leaves without taking wakes the next. A
 * message in the queue beside somebody who sleeps for one is the failure that
 * all of this looks for; the same for room and those who sleep in put.
 */
#include "busy.h"
#include "sleepers.h"

/* A way to wait for a message and then not to take it. */
struct refusal {
	int (*refuse)(int q);
	int err;
	size_t len;		/* of the message */
};

static int small_get(int q)
{
	char byte;

	return pq_get(q, &byte, 1, SOON);
}

static int small_get_many(int q)
{
	char bytes[11];
	struct pyqueue_msg msgs[] = { { .buf = (uintptr_t)bytes, .len = 1 },
				      { .buf = (uintptr_t)(bytes + 1), .len = 10 } };

	return pq_get_many(q, msgs, 2, SOON);
}

static int small_read(int q)
{
	char byte;

	return read(q, &byte, 1) < 0 ? -errno : 0;
}

static int bad_get(int q)
{
	return pq_get(q, NULL, 100, SOON);
}

static int half_bad_get(int q)
{
	return pq_get(q, memory_edge(1) - 5, 100, SOON);
}

static int bad_get_many(int q)
{
	struct pyqueue_msg msg = { .buf = 1, .len = 100 };

	return pq_get_many(q, &msg, 1, SOON);
}

static int bad_read(int q)
{
	return read(q, memory_edge(1), 100) < 0 ? -errno : 0;
}

static int read_empty_message(int q)
{
	char buf[8];

	return read(q, buf, sizeof(buf)) < 0 ? -errno : 0;
}

static int good_get(int q)
{
	char buf[5000];
	int ret = pq_get(q, buf, sizeof(buf), SOON);

	return ret >= 0 && !has_pattern(buf, ret, 7) ? -EILSEQ : ret;
}

/* Whatever order it goes in: one put, and one of those who can take it has it. */
static void somebody_has_it(struct __test_metadata *_metadata, int q,
				const struct refusal *r)
{
	char buf[5000];
	pid_t refusers[3], takers[2], pid;
	int status, refused = 0;

	fill_pattern(buf, r->len, 7);
	for (int lap = 0; lap < 2; lap++) {
		for (int i = 0; i < 5; i++) {
			pid = child(i < 3 ? r->refuse(q) : good_get(q));
			*(i < 3 ? &refusers[i] : &takers[i - 3]) = pid;
			ASSERT_TRUE(wait_sleepers(q, getters, i + 1));
		}
		for (int i = 0; i < 2; i++) {
			ASSERT_EQ(0, pq_put(q, buf, r->len, PYQUEUE_NOWAIT));
			do {
				pid = reap_any(&status);
				ASSERT_EQ(pid == takers[0] || pid == takers[1] ? 0 : r->err,
					  status);
				refused += !!status;
				for (int j = 0; j < 3; j++)
					refusers[j] = refusers[j] == pid ? 0 : refusers[j];
			} while (status);
			ASSERT_EQ(0, pq_qsize(q));
		}
		/* Those who were never asked. */
		for (int i = 0; i < 3; i++) {
			if (refusers[i] && !kill(refusers[i], SIGKILL))
				reap(refusers[i]);
		}
		ASSERT_EQ(0, pq_stat(q).getters);
	}
	EXPECT_LT(0, refused);
}

/* One message more than there are takers behind the one who refuses. */
static void all_are_had(struct __test_metadata *_metadata, int q,
				const struct refusal *r)
{
	char buf[5000];
	pid_t refuser, takers[3];
	struct pyqueue_msg msgs[4];

	fill_pattern(buf, r->len, 7);
	for (int i = 0; i < 4; i++) {
		msgs[i] = (struct pyqueue_msg){ .buf = (uintptr_t)buf, .len = r->len };
	}
	refuser = child(r->refuse(q));
	ASSERT_TRUE(wait_sleepers(q, getters, 1));
	for (int i = 0; i < 3; i++) {
		takers[i] = child(good_get(q));
		ASSERT_TRUE(wait_sleepers(q, getters, i + 2));
	}
	ASSERT_EQ(4, pq_put_many(q, msgs, 4, PYQUEUE_NOWAIT));
	ASSERT_EQ(r->err, reap(refuser));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, reap(takers[i]));
	}
	EXPECT_EQ(1, pq_qsize(q));
	EXPECT_EQ(0, pq_stat(q).getters);
}

/* --- those who leave it where it is ----------------------------------------- */

FIXTURE(polite) {
	int q;
};

FIXTURE_VARIANT(polite) {
	struct refusal r;
};

FIXTURE_VARIANT_ADD(polite, get) { { small_get, -EMSGSIZE, 10 } };
FIXTURE_VARIANT_ADD(polite, get_many) { { small_get_many, -EMSGSIZE, 10 } };
FIXTURE_VARIANT_ADD(polite, read) { { small_read, -EMSGSIZE, 10 } };
FIXTURE_VARIANT_ADD(polite, get_large) { { small_get, -EMSGSIZE, 5000 } };
FIXTURE_VARIANT_ADD(polite, read_of_empty) { { read_empty_message, -EBADMSG, 0 } };

static int open_queue(void)
{
	int dev = dev_open();
	int q = pq_create(dev, .maxsize = 4, .payload = 48);

	close(dev);
	return q;
}

FIXTURE_SETUP(polite)
{
	self->q = open_queue();
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(polite)
{
	close(self->q);
}

/*
 * Three in a row that refuse, then one that takes: one put, no other help. Who
 * comes after him stays asleep.
 */
TEST_F(polite, hands_on)
{
	char buf[5000];
	pid_t refusers[3], taker, other;

	fill_pattern(buf, variant->r.len, 7);
	for (int lap = 0; lap < 2; lap++) {
		for (int i = 0; i < 3; i++) {
			refusers[i] = child(variant->r.refuse(self->q));
			ASSERT_TRUE(wait_asleep(self->q, getters, i + 1, refusers[i]));
		}
		taker = child(good_get(self->q));
		ASSERT_TRUE(wait_asleep(self->q, getters, 4, taker));
		other = child(good_get(self->q));
		ASSERT_TRUE(wait_asleep(self->q, getters, 5, other));

		ASSERT_EQ(0, pq_put(self->q, buf, variant->r.len, PYQUEUE_NOWAIT));
		for (int i = 0; i < 3; i++) {
			ASSERT_EQ(variant->r.err, reap(refusers[i]));
		}
		ASSERT_EQ(0, reap(taker));
		ASSERT_EQ(1, pq_stat(self->q).getters);
		ASSERT_EQ(0, pq_qsize(self->q));
		ASSERT_EQ(0, pq_put(self->q, buf, variant->r.len, PYQUEUE_NOWAIT));
		ASSERT_EQ(0, reap(other));
	}
}

/* proves: promise baton */
TEST_F(polite, somebody_has_it)
{
	somebody_has_it(_metadata, self->q, &variant->r);
}

TEST_F(polite, all_are_had)
{
	all_are_had(_metadata, self->q, &variant->r);
}

/* --- those whose buffer turns out to be bad: they may be overtaken ----------- */

FIXTURE(clumsy) {
	int q;
};

FIXTURE_VARIANT(clumsy) {
	struct refusal r;
};

FIXTURE_VARIANT_ADD(clumsy, get) { { bad_get, -EFAULT, 10 } };
FIXTURE_VARIANT_ADD(clumsy, get_half) { { half_bad_get, -EFAULT, 10 } };
FIXTURE_VARIANT_ADD(clumsy, get_half_large) { { half_bad_get, -EFAULT, 100 } };
FIXTURE_VARIANT_ADD(clumsy, get_many) { { bad_get_many, -EFAULT, 10 } };
FIXTURE_VARIANT_ADD(clumsy, read) { { bad_read, -EFAULT, 10 } };

FIXTURE_SETUP(clumsy)
{
	self->q = open_queue();
	ASSERT_LE(0, self->q);
}

FIXTURE_TEARDOWN(clumsy)
{
	close(self->q);
}

/* proves: promise baton */
TEST_F(clumsy, somebody_has_it)
{
	somebody_has_it(_metadata, self->q, &variant->r);
}

TEST_F(clumsy, all_are_had)
{
	all_are_had(_metadata, self->q, &variant->r);
}

/*
 * Who goes to sleep on one side calls on the other what is owed there: not who stands behind
 * one that has been called and does not run yet.
 */
TEST(one_is_on_his_way)
{
	int dev = dev_open(), q = pq_create(dev, .maxsize = 1);
	struct busy other;
	pid_t pids[2];
	char c;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		SKIP(return, "needs two processors");
	ASSERT_LE(0, q);
	ASSERT_EQ(0, stay_on(0, false));
	ASSERT_EQ(0, pq_put(q, "x", 1, PYQUEUE_NOWAIT));
	pids[0] = child(stay_on(1, false) ?: pq_put(q, "0", 1, SOON));
	ASSERT_TRUE(wait_asleep(q, putters, 1, pids[0]));
	pids[1] = child(pq_put(q, "1", 1, SOON));
	ASSERT_TRUE(wait_asleep(q, putters, 2, pids[1]));
	ASSERT_TRUE(make_busy(&other, 1));
	EXPECT_EQ(1, pq_get(q, &c, 1, PYQUEUE_NOWAIT));
	EXPECT_EQ('x', c);
	/* There is room, and he who is to use it cannot come yet. */
	EXPECT_EQ(-ETIMEDOUT, pq_get(q, &c, 1, in_ns(20 * MSEC)));
	EXPECT_EQ(0, end_busy(&other));
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(1, pq_get(q, &c, 1, SOON));
		EXPECT_EQ('0' + i, c);
		EXPECT_EQ(0, reap(pids[i]));
	}
	close(q);
	close(dev);
}

TEST_HARNESS_MAIN
