/* SPDX-License-Identifier: GPL-2.0 */
/* What a test, and those that it starts, print: into a file, to be counted there. */
#ifndef PRINTED_H
#define PRINTED_H

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct printed {
	int file, before;
};

/* From now on. */
static inline bool print_there(struct printed *p)
{
	fflush(stdout);
	p->file = memfd_create("printed", MFD_CLOEXEC);
	p->before = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return p->file >= 0 && p->before >= 0 && dup2(p->file, STDOUT_FILENO) == STDOUT_FILENO;
}

/* And no more. Return: how often this is there. */
static inline int times_printed(struct printed *p, const char *text)
{
	char all[4096] = "";
	int n = 0;

	fflush(stdout);
	dup2(p->before, STDOUT_FILENO);
	close(p->before);
	if (pread(p->file, all, sizeof(all) - 1, 0) < 0)
		n = -1;
	close(p->file);
	for (const char *at = all; (at = strstr(at, text)); at += strlen(text))
		n++;
	return n;
}

#endif
