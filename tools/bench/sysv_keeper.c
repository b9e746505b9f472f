// SPDX-License-Identifier: MIT
/*
 * The bench may be killed, or interrupted at the terminal. The keeper sees that by the end
 * of what it reads: numbers of queues, and the complements of those that are removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/msg.h>

#include "sysv_keeper.h"

/* Where it is told; -1: there is none yet. */
static int keeper = -1;

struct ids {
	int *of;
	size_t n;
	size_t room;
};

static bool add(struct ids *ids, int id)
{
	if (ids->n == ids->room) {
		const size_t room = 2 * ids->room + 64;
		int *of = realloc(ids->of, room * sizeof(*of));

		if (!of)
			return false;
		ids->of = of;
		ids->room = room;
	}
	ids->of[ids->n++] = id;
	return true;
}

static void take_out(struct ids *ids, int id)
{
	for (size_t i = ids->n; i--;)
		if (ids->of[i] == id) {
			ids->of[i] = ids->of[--ids->n];
			return;
		}
}

__attribute__((noreturn)) static void keep(int from)
{
	struct ids ids = { 0 };
	int word;

	/* It holds nothing open, and the terminal's signals are not for it. */
	dup2(from, STDIN_FILENO);
	close_range(STDIN_FILENO + 1, ~0U, 0);
	setsid();
	while (read(STDIN_FILENO, &word, sizeof(word)) == sizeof(word)) {
		if (word < 0)
			take_out(&ids, ~word);
		else if (!add(&ids, word))
			break;
	}
	for (size_t i = 0; i < ids.n; i++)
		msgctl(ids.of[i], IPC_RMID, NULL);
	_exit(0);
}

static int start(void)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid)
		keep(ends[0]);
	close(ends[0]);
	if (pid < 0) {
		close(ends[1]);
		return -EAGAIN;
	}
	keeper = ends[1];
	return 0;
}

static int tell(int word)
{
	return write(keeper, &word, sizeof(word)) == sizeof(word) ? 0 : -errno;
}

int bench_sysv_keep(int id)
{
	int err = keeper < 0 ? start() : 0;

	return err ? err : tell(id);
}

void bench_sysv_forget(int id)
{
	if (keeper >= 0)
		tell(~id);
}
