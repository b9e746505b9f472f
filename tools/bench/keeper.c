// SPDX-License-Identifier: MIT
/*
 * The bench may be killed, or interrupted at the terminal. The keeper sees that by the end
 * of what it reads: what there is, and what is no more.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/msg.h>
#include <sys/syscall.h>

#include "keeper.h"

enum kind {
	SYSV,
	FILE_OR_DIRECTORY,
	PROCESS,
};

/**
 * struct word - what the keeper is told
 * @kind: of what
 * @gone: it is no more
 * @id: of a queue or a process
 * @pidfd: of a process, in the keeper
 * @path: of a file
 */
struct word {
	enum kind kind;
	bool gone;
	int id;
	int pidfd;
	char path[160];
};

/* One is written as a whole, whoever writes too. */
_Static_assert(sizeof(struct word) <= PIPE_BUF, "a word fits a pipe");

/* Where it is told; -1: there is none yet. */
static int keeper = -1;

struct words {
	struct word *of;
	size_t n;
	size_t room;
};

static bool add(struct words *words, const struct word *word)
{
	if (words->n == words->room) {
		const size_t room = 2 * words->room + 64;
		struct word *of = realloc(words->of, room * sizeof(*of));

		if (!of)
			return false;
		words->of = of;
		words->room = room;
	}
	words->of[words->n] = *word;
	/* Now, while the number is nobody else's. */
	if (word->kind == PROCESS)
		words->of[words->n].pidfd = (int)syscall(SYS_pidfd_open, word->id, 0);
	words->n++;
	return true;
}

static bool same(const struct word *a, const struct word *b)
{
	return a->kind == b->kind && a->id == b->id && !strcmp(a->path, b->path);
}

/* The order stays: what is in a directory comes behind it. */
static void take_out(struct words *words, const struct word *word)
{
	for (size_t i = words->n; i--;) {
		if (!same(&words->of[i], word))
			continue;
		if (word->kind == PROCESS)
			close(words->of[i].pidfd);
		words->n--;
		memmove(&words->of[i], &words->of[i + 1], (words->n - i) * sizeof(*words->of));
		return;
	}
}

static void end_process(const struct word *word)
{
	struct pollfd ended = { .fd = word->pidfd, .events = POLLIN };

	if (word->pidfd < 0)
		return;
	syscall(SYS_pidfd_send_signal, word->pidfd, SIGKILL, NULL, 0);
	poll(&ended, 1, -1);
}

static void clean_up(const struct words *words)
{
	/* Or they would make anew what is removed. */
	for (size_t i = 0; i < words->n; i++)
		if (words->of[i].kind == PROCESS)
			end_process(&words->of[i]);
	for (size_t i = words->n; i--;) {
		if (words->of[i].kind == SYSV)
			msgctl(words->of[i].id, IPC_RMID, NULL);
		if (words->of[i].kind == FILE_OR_DIRECTORY)
			remove(words->of[i].path);
	}
}

__attribute__((noreturn)) static void keep(int from)
{
	struct words words = { 0 };
	struct word word;

	/* It holds nothing open, and the terminal's signals are not for it. */
	dup2(from, STDIN_FILENO);
	close_range(STDIN_FILENO + 1, ~0U, 0);
	setsid();
	while (read(STDIN_FILENO, &word, sizeof(word)) == sizeof(word)) {
		if (word.gone)
			take_out(&words, &word);
		else if (!add(&words, &word))
			break;
	}
	clean_up(&words);
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

static int tell(enum kind kind, int id, const char *path, bool gone)
{
	struct word word = { .kind = kind, .gone = gone, .id = id };
	int err;

	if (strlen(path) >= sizeof(word.path))
		return -ENAMETOOLONG;
	strcpy(word.path, path);
	if (keeper < 0) {
		if (gone)
			return 0;
		err = start();
		if (err)
			return err;
	}
	return write(keeper, &word, sizeof(word)) == sizeof(word) ? 0 : -errno;
}

int bench_keep_sysv(int id)
{
	return tell(SYSV, id, "", false);
}

int bench_keep_file(const char *path)
{
	return tell(FILE_OR_DIRECTORY, 0, path, false);
}

int bench_keep_process(pid_t pid)
{
	return tell(PROCESS, pid, "", false);
}

void bench_forget_sysv(int id)
{
	tell(SYSV, id, "", true);
}

void bench_forget_file(const char *path)
{
	tell(FILE_OR_DIRECTORY, 0, path, true);
}

void bench_forget_process(pid_t pid)
{
	tell(PROCESS, pid, "", true);
}
