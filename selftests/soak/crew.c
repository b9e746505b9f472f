// SPDX-License-Identifier: GPL-2.0
#include "crew.h"
#include "limits.h"
#include "message.h"
#include "worker.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* What the dead one has begun to put and never said, nobody knows. */
static void search_puts(struct soak *s, struct place *place, uint32_t me)
{
	for (uint32_t i = place->first; i < place->next; i++) {
		uint32_t *known = &s->round->known[me][i];

		if (load(known) & (PUT | NEVER))
			continue;
		__atomic_fetch_or(known, UNDECIDED, __ATOMIC_SEQ_CST);
		s->tally.undecided++;
	}
	place->first = place->next;
}

/* What it has taken, perhaps, and never said. */
static void search_hand(struct soak *s, struct place *place)
{
	for (int i = 0; i < BATCH; i++) {
		struct label label;
		uint32_t *known;

		memcpy(&label, place->hand[i], sizeof(label));
		memset(place->hand[i], 0, sizeof(label));
		if (label.place >= PLACES || label.number >= NUMBERS || label.len > LONGEST)
			continue;
		memcpy(place->hand[i], &label, sizeof(label));
		if (message_is_whole(place->hand[i], label.len)) {
			known = &s->round->known[label.place][label.number];
			__atomic_fetch_or(known, IN_A_DEAD_HAND, __ATOMIC_SEQ_CST);
		}
		memset(place->hand[i], 0, sizeof(label));
	}
	if (place->blind)
		add(&s->round->queues[place->blind - 1].blind_deaths, 1);
}

static void bury(struct soak *s, uint32_t me, int status)
{
	struct place *place = &s->round->places[me];

	if (load(&s->round->failed))
		wrong(s, "%s", s->round->failure);
	s->crew[me] = (struct worker_process){ 0 };
	if (WIFEXITED(status) && !WEXITSTATUS(status) && load(&s->round->stop)) {
		if (place->stopped_after > s->tally.slowest_stop)
			s->tally.slowest_stop = place->stopped_after;
		return;
	}
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		wrong(s, "the worker in place %u ended by itself, with status %#x", me, status);
	search_puts(s, place, me);
	search_hand(s, place);
	place->at = place->blind = 0;
	place->doing = NOTHING;
}

void crew_bury(struct soak *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		for (uint32_t i = 0; i < WORKERS; i++) {
			if (s->crew[i].pid == pid) {
				bury(s, i, status);
				break;
			}
		}
	}
}

static void become_worker(struct soak *s, uint32_t me, uint64_t seed)
{
	struct worker w = { .round = s->round, .place = &s->round->places[me], .me = me,
			    .shm = s->shm, .chance = { seed } };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* There are many; who makes trouble for them is to have his turn. */
	setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + 15);
	/*
	 * They are the parent's, and would live on in each of its children. (How many there
	 * were at the fork: by now the round may have more.)
	 */
	for (uint32_t i = 0; s->handles[i]; i++)
		pyq_close(s->handles[i]);
	limits_impose(s, &w);
	worker_run(&w);
}

void crew_fill(struct soak *s)
{
	for (uint32_t i = 0; i < WORKERS && !s->ending; i++) {
		struct place *place = &s->round->places[i];
		const uint64_t seed = mix(s->seed ^ s->chance.state ^ i);
		pid_t pid;

		if (s->crew[i].pid)
			continue;
		any(&s->chance, 2);
		place->first = place->next;
		place->ends_by = now_ns();
		pid = fork();
		if (!pid)
			become_worker(s, i, seed);
		if (pid < 0)
			wrong(s, "fork: %s", strerror(errno));
		s->crew[i] = (struct worker_process){ .pid = pid, .moved_on = now_ns() };
	}
}

/* One that runs (or stands still, as @stopped says); -1: none was found in some attempts. */
static int some_worker(struct soak *s, bool stopped)
{
	for (int attempts = 0; attempts < 20; attempts++) {
		int i = (int)any(&s->chance, WORKERS);

		if (s->crew[i].pid && s->crew[i].stopped == stopped)
			return i;
	}
	return -1;
}

void crew_kill_one(struct soak *s)
{
	int i = some_worker(s, one_in(&s->chance, 8));

	if (i < 0)
		return;
	kill(s->crew[i].pid, SIGKILL);
	s->tally.kills++;
}

void crew_stop_one(struct soak *s)
{
	int i = some_worker(s, false);

	if (i < 0 || kill(s->crew[i].pid, SIGSTOP))
		return;
	s->crew[i].stopped = true;
	s->tally.stops++;
}

static void go_on(struct worker_process *p)
{
	if (!p->pid || !p->stopped)
		return;
	kill(p->pid, SIGCONT);
	p->stopped = false;
	p->moved_on = now_ns();
}

void crew_continue_one(struct soak *s)
{
	int i = some_worker(s, true);

	if (i >= 0)
		go_on(&s->crew[i]);
}

void crew_continue_all(struct soak *s)
{
	for (int i = 0; i < WORKERS; i++)
		go_on(&s->crew[i]);
}

bool crew_is_gone(const struct soak *s)
{
	for (int i = 0; i < WORKERS; i++)
		if (s->crew[i].pid)
			return false;
	return true;
}
