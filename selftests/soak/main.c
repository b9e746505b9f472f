// SPDX-License-Identifier: GPL-2.0
/*
 * Everything together, for hours: 64 processes work on a hundred queues in every way
 * there is, and are killed and stopped; queues are shut down, lose their names and get
 * new ones; limits are hit; the module is taken away and loaded again. After each round
 * of some seconds every message is accounted for, and nothing is left.
 *
 *	soak [-t SECONDS] [-r SECONDS] [-s SEED]
 *
 *	-t	how long, at least one round; default 10
 *	-r	how long a round is; default 4
 *	-s	what chance begins with: who does what, though not what comes of it
 *
 *	PYQUEUE_MODULE	the file of the module: it is loaded anew after each round
 *
 * One test, in TAP; what it says of itself are comments.
 */
#include "../backend.h"
#include "calm.h"
#include "crew.h"
#include "leftovers.h"
#include "limits.h"
#include "module.h"
#include "names.h"
#include "settle.h"
#include "trouble.h"
#include "watchdog.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void report(const struct soak *s, uint64_t ns)
{
	const struct tally *t = &s->tally;
	const struct counts *c = &t->counts;

#define N(x) ((unsigned long long)(x))
	printf("# %.1f min, %llu rounds: %llu put, %llu taken, %llu bytes; %llu kills (and %llu by OOM), %llu stops, %llu shutdowns (%llu at once), %llu names; ENOMEM %llu, EDQUOT %llu, ENOSPC %llu, ENOBUFS %llu, EMFILE %llu; %llu times unloaded and loaded, %llu times refused; the end seen after %llu ms at most\n",
	       (double)ns / (60 * SEC), N(t->rounds), N(c->put), N(c->taken), N(c->bytes),
	       N(t->kills), N(limits_oom_kills(s)), N(t->stops), N(t->shutdowns), N(t->at_once),
	       N(t->names), N(c->enomem), N(c->edquot), N(c->enospc), N(c->enobufs), N(c->emfile),
	       N(t->unloads), N(t->refused), N(t->slowest_stop / MSEC));
	printf("# of the messages: %llu came again, %llu drained at the end, %llu dropped, %llu in dead hands, %llu with a dead one's memory, %llu putters' last that nobody knows; opened %llu, own queues %llu (%llu names left), loans %llu, aio %llu, polls %llu, joins %llu, limits lowered %llu, at the end %llu asleep (%llu queues full below maxsize)\n",
	       N(c->again), N(t->drained), N(t->dropped), N(t->in_dead_hands), N(t->blind),
	       N(t->undecided), N(c->opened), N(c->own_queues), N(t->own_left), N(c->loans),
	       N(c->aio), N(c->polls), N(c->joins), N(t->lowered), N(t->asleep),
	       N(t->full_below));
#undef N
	fflush(stdout);
}

static int forget_name(const struct pyq_name *name, void *arg)
{
	(void)arg;
	if (!strncmp(name->name, "soak-", 5))
		pyq_unlink(name->name);
	return 0;
}

void wrong(struct soak *s, const char *format, ...)
{
	static bool again;
	va_list args;

	printf("# ");
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\nnot ok 1 soak\n");
	fflush(stdout);
	if (!again) {
		again = true;
		for (int i = 0; i < WORKERS; i++)
			if (s->crew[i].pid)
				kill(s->crew[i].pid, SIGKILL);
		while (waitpid(-1, NULL, 0) > 0) {
		}
		pyq_list(forget_name, NULL);
		limits_restore(s);
		limits_end(s);
	}
	exit(1);
}

/* Not to wait for anybody: it is how fast trouble comes. */
static void pace(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

/* However slow the machine is: without some trouble it is no round. */
#define LEAST_TROUBLE 50

static void make_trouble(struct soak *s, uint64_t ns)
{
	uint64_t end;

	crew_fill(s);
	end = now_ns() + ns;
	for (int n = 0; n < LEAST_TROUBLE || now_ns() < end; n++) {
		trouble(s);
		crew_bury(s);
		crew_fill(s);
		watchdog_look(s);
		pace(any(&s->chance, 10) * MSEC);
	}
}

static void end_it(struct soak *s)
{
	limits_restore(s);
	s->ending = true;
	crew_continue_all(s);
	store(&s->round->stopped_at, now_ns());
	store(&s->round->stop, 1);
	calm(s);
	store(&s->round->stopped_at, now_ns());
	names_shut_all(s);
	while (!crew_is_gone(s)) {
		pace(MSEC);
		crew_bury(s);
		watchdog_look(s);
	}
	s->ending = false;
}

static void one_round(struct soak *s, uint64_t ns)
{
	s->round = mmap(NULL, sizeof(*s->round), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s->round == MAP_FAILED)
		wrong(s, "mmap: %s", strerror(errno));
	names_begin(s);
	make_trouble(s, ns);
	end_it(s);
	settle(s);
	names_end(s);
	for (uint32_t i = 0; i < s->round->nr_queues; i++)
		pyq_close(s->handles[i]);
	memset(s->handles, 0, sizeof(s->handles));
	munmap(s->round, sizeof(*s->round));
	s->tally.rounds++;
	leftovers_look(s);
	module_reload(s);
	leftovers_weigh(s);
}

static void usage(void)
{
	fprintf(stderr, "usage: soak [-t SECONDS] [-r SECONDS] [-s SEED]\n");
	exit(2);
}

static uint64_t number(const char *text, double unit)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !(value > 0))
		usage();
	return (uint64_t)(value * unit);
}

static void begin_soak(struct soak *s)
{
	struct rlimit limit;

	s->shm = on_shm();
	s->chance.state = s->seed;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		wrong(s, "getrlimit: %s", strerror(errno));
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	module_find(s);
	limits_begin(s);
	leftovers_begin(s);
	printf("TAP version 13\n1..1\n# seed %llu, on %s%s%s\n", (unsigned long long)s->seed,
	       s->shm ? "shared memory" : "the module",
	       s->module ? ", which is loaded anew" : "",
	       s->group[0] ? ", some in a memory cgroup" : ", no memory cgroup");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	uint64_t ns = 10 * SEC, round = 4 * SEC, begun = now_ns(), told = begun;
	static struct soak s;
	int option;

	if (getrandom(&s.seed, sizeof(s.seed), 0) != (ssize_t)sizeof(s.seed))
		return 2;
	while ((option = getopt(argc, argv, "t:r:s:")) != -1) {
		switch (option) {
		case 't':
			ns = number(optarg, SEC);
			break;
		case 'r':
			round = number(optarg, SEC);
			break;
		case 's':
			s.seed = strtoull(optarg, NULL, 0);
			break;
		default:
			usage();
		}
	}
	if (optind != argc)
		usage();
	begin_soak(&s);
	for (one_round(&s, round); now_ns() - begun < ns; one_round(&s, round)) {
		if (now_ns() - told > 60 * SEC) {
			told = now_ns();
			report(&s, told - begun);
		}
	}
	report(&s, now_ns() - begun);
	leftovers_say();
	limits_end(&s);
	printf("ok 1 soak\n");
	return 0;
}
