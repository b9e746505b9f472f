/* SPDX-License-Identifier: GPL-2.0 */
/* Who does not end is told about: where he is, and what the queue looks like. */
#ifndef KILL_STORM_WATCH_H
#define KILL_STORM_WATCH_H

#include "workers.h"

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

#endif
