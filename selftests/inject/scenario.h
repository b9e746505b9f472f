/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One call of the library, again and again: each time another of the calls that it makes
 * itself fails, until there are no more, and in each way in which that one can.
 *
 * Whatever has failed, the call has succeeded or has returned an error that its header
 * promises; what it was called on works; and when all has been given back nothing is left:
 * no file, memory, mapping, name or child.
 */
#ifndef SCENARIO_H
#define SCENARIO_H

#include "../lib_test.h"

#include <dirent.h>
#include <string.h>

#include "faults.h"

/* How long one may take. Far beyond what any needs, unless it hangs. */
#define HANGS 30

struct stage;

/**
 * struct scenario - a call
 * @name: what it is, for people
 * @promised: the errors that it may return, by name, with blanks between
 * @place: whose calls fail
 * @only: NULL, or only this one: which is not among the first ones for certain
 * @most: 0: all of them; or so many, where it depends on time how many there are
 * @set_up: makes what it is called on
 * @call: the call; a count, or 0, or an error
 * @works: looks whether all works; @result is of @call. NULL: nothing to look at
 * @tear_down: gives all back
 *
 * In @set_up, @works and @tear_down nothing fails.
 */
struct scenario {
	const char *name;
	const char *promised;
	enum fault_place place;
	const char *only;
	unsigned int most;
	void (*set_up)(struct __test_metadata *_metadata, struct stage *s);
	long (*call)(struct stage *s);
	void (*works)(struct __test_metadata *_metadata, struct stage *s, long result);
	void (*tear_down)(struct stage *s);
};

/* --- what is left ---------------------------------------------------------------- */

/**
 * struct census - what a process has
 * @files: that are open
 * @names: queues with a name
 * @children: is there one
 * @allocations: that the library and the test have made
 * @mappings: likewise
 */
struct census {
	int files;
	int names;
	int children;
	long allocations;
	long mappings;
};

static inline int count_entries(const char *path, const char *prefix)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, prefix, strlen(prefix));
	if (dir)
		closedir(dir);
	return n;
}

static inline struct census take_census(void)
{
	siginfo_t info;

	return (struct census){
		.files = count_entries("/proc/self/fd", ""),
		.names = count_entries("/dev/shm", "pyqueue."),
		.children = !waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT),
		.allocations = faults_allocations(),
		.mappings = faults_mappings(),
	};
}

/* --- errors by name ---------------------------------------------------------------- */

static inline bool is_promised(const char *promised, long result)
{
	const char *name = result < 0 ? strerrorname_np((int)-result) : NULL;
	const size_t len = name ? strlen(name) : 0;

	if (result >= 0)
		return true;
	for (const char *at = promised; name && (at = strstr(at, name)); at += len)
		if ((at == promised || at[-1] == ' ') && (!at[len] || at[len] == ' '))
			return true;
	return false;
}

/* --- one run ------------------------------------------------------------------------- */

/* Who hangs is ended, and what it was about is told. */
static char about[200];

static inline void has_hung(int sig)
{
	static const char text[] = "hangs: ";
	const struct strike strike = faults_disarm();

	(void)sig;
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0 ||
	    write(STDOUT_FILENO, about, strlen(about)) < 0 ||
	    write(STDOUT_FILENO, strike.name, strlen(strike.name)) < 0 ||
	    write(STDOUT_FILENO, "\n", 1) < 0)
		_exit(2);
	_exit(1);
}

#define EXPECT_SAME(member)                                                   \
	EXPECT_EQ(before.member, after.member)                                \
		TH_LOG("%s" #member " are left", about)

/* Return: what has failed in it. */
static inline struct strike play_once(struct __test_metadata *_metadata, const struct scenario *play,
				      struct stage *s, size_t size, const struct fault *fault)
{
	const struct census before = take_census();
	struct census after;
	struct strike strike;
	int passed = _metadata->passed;
	long result;

	snprintf(about, sizeof(about), "%s, call %u, way %u: ", play->name, fault->nth,
		 fault->choice);
	memset(s, 0, size);
	alarm(HANGS);
	play->set_up(_metadata, s);
	faults_arm(fault);
	result = play->call(s);
	/* Others go on; what the test itself does now is not to fail. */
	strike = play->place == HERE ? faults_disarm() : (struct strike){ .name = "" };
	EXPECT_TRUE(is_promised(play->promised, result))
		TH_LOG("%sreturned %ld (%s)", about, result, strerrorname_np((int)-result));
	if (play->works)
		play->works(_metadata, s, result);
	play->tear_down(s);
	strike = faults_disarm();
	alarm(0);
	after = take_census();
	EXPECT_SAME(files);
	EXPECT_SAME(names);
	EXPECT_SAME(children);
	EXPECT_SAME(allocations);
	EXPECT_SAME(mappings);
	if (passed && !_metadata->passed)
		TH_LOG("%s%s failed by %s, and it returned %ld", about,
		       strike.error ? strike.name : "nothing",
		       strerrorname_np(strike.error) ?: "itself", result);
	return strike;
}

static inline void play(struct __test_metadata *_metadata, const struct scenario *play,
			struct stage *s, size_t size)
{
	static const struct fault none = { .nth = 0 };
	struct fault fault = { .place = play->place, .only = play->only };
	unsigned int runs = 0;
	struct strike strike;

	faults_here();
	signal(SIGALRM, has_hung);
	/* What the first call of a program makes once, and keeps. */
	play_once(_metadata, play, s, size, &none);
	do {
		fault.nth++;
		fault.choice = 0;
		do {
			strike = play_once(_metadata, play, s, size, &fault);
			runs += strike.error != 0;
			/* One failure tells what is to be looked at. */
			if (!_metadata->passed)
				return;
		} while (++fault.choice < strike.errors);
	} while (play->most ? fault.nth < play->most : strike.error);
	EXPECT_LT(0, runs) TH_LOG("%s: nothing has failed", play->name);
	printf("# %s: %u failures\n", play->name, runs);
	fflush(stdout);
}

/* PLAY(name, .promised = "ENOMEM", ...): the test name_fails of one scenario. */
#define PLAY(test, ...)                                                       \
	TEST(test##_fails)                                                          \
	{                                                                     \
		struct stage s;                                               \
									      \
		play(_metadata, &(const struct scenario){ .name = #test, __VA_ARGS__ }, &s, \
		     sizeof(s));                                              \
	}

/* --- what works ------------------------------------------------------------------------ */

/* Until it has failed in another thread or process, which comes to it by itself. */
static inline void wait_for_strike(void)
{
	const int64_t until = lib_now_ns() + PYQ_SECONDS(1);

	while (!faults_struck() && lib_now_ns() < until)
		sched_yield();
}

/* Is all well with a queue that is empty? */
static inline void queue_works(struct __test_metadata *_metadata, pyq_queue *q)
{
	char buf[16];

	EXPECT_EQ(0, pyq_qsize(q)) TH_LOG("%s", about);
	EXPECT_EQ(0, pyq_put(q, "hello", 5, PYQ_NOWAIT)) TH_LOG("%s", about);
	EXPECT_EQ(5, pyq_get(q, buf, sizeof(buf), PYQ_NOWAIT)) TH_LOG("%s", about);
	EXPECT_EQ(-EAGAIN, pyq_get(q, buf, sizeof(buf), PYQ_NOWAIT)) TH_LOG("%s", about);
}

#endif
