// SPDX-License-Identifier: GPL-2.0
/* A counterexample in words. */
#include <stdio.h>

#include <ring/word.h>

#include "world.h"

const char *actor_name(const struct actor *a)
{
	return actor_index(a) == AUDITOR ? "auditor" : actor_part(a)->name;
}

const char *location_name(unsigned int l)
{
	static const char *const names[] = {
		"tail", "head_cache", "head", "marks", "detour", "done", "skipped", "overflow",
		"sleepers[getters]", "sleepers[putters]", "sleepers[joiners]",
		"pollers[getters]", "pollers[putters]", "pollers[joiners]",
	};
	static char text[2][32];
	static unsigned int turn;
	char *at = text[turn++ % 2];

	if (l < WORD)
		return names[l];
	if (l < LENGTH)
		snprintf(at, sizeof(text[0]), "word[%u]", l - WORD);
	else if (l < PAYLOAD)
		snprintf(at, sizeof(text[0]), "len[%u]", l - LENGTH);
	else
		snprintf(at, sizeof(text[0]), "payload[%u].%u", (l - PAYLOAD) / 2,
			 (l - PAYLOAD) % 2);
	return at;
}

/* Positions are told from where the cast began, laps likewise. */
void trace_value(char *text, size_t size, unsigned int l, __u64 value)
{
	static const char *const states[16] = {
		"FREE", "WRITING", "READY", "READING", "ABORTED", "SKIPPING", "ORPHAN",
	};
	unsigned int state = pyq_word_state(value);

	if (l == TAIL || l == HEAD || l == HEAD_CACHE) {
		snprintf(text, size, "%lld%s",
			 (long long)((value & ~PYQUEUE_CLOSED) - cast.start),
			 l == TAIL && value & PYQUEUE_CLOSED ? " CLOSED" : "");
	} else if (l >= WORD && l < LENGTH) {
		int n = snprintf(text, size, "lap %d %s",
				 (int)(pyq_word_lap(value) - (__u32)(cast.start >> cast.order)),
				 states[state] ? states[state] : "?");

		if (pyq_word_owner(value))
			n += snprintf(text + n, size - n, " owner %u", pyq_word_owner(value));
		if (pyq_word_deliveries(value))
			snprintf(text + n, size - n, " deliveries %u", pyq_word_deliveries(value));
	} else if (l == MARKS) {
		snprintf(text, size, "%llu%s%s", (unsigned long long)(value >> 2),
			 value & PYQUEUE_MARK_ORPHAN ? " ORPHAN" : "",
			 value & PYQUEUE_MARK_ABORTED ? " ABORTED" : "");
	} else if (l >= SLEEPERS && l < POLLERS) {
		snprintf(text, size, "sequence %u announced %u",
			 (unsigned int)(value >> PYQUEUE_SEQUENCE_SHIFT),
			 (unsigned int)(value & PYQUEUE_ANNOUNCED));
	} else if (l == DONE) {
		snprintf(text, size, "%lld", (long long)(value - cast.start));
	} else if (l == SKIPPED) {
		snprintf(text, size, "count %u position %d", (unsigned int)(value >> 32),
			 (int)((__u32)value - (__u32)cast.start));
	} else {
		snprintf(text, size, "%#llx", (unsigned long long)value);
	}
}
