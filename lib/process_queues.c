// SPDX-License-Identifier: MIT
/*
 * Queues for another program: their files by number, in its environment by name. And the
 * one socket of a pool's worker program, by number alone.
 *
 * With each queue is its own number. The variable outlives the files: a program that
 * was given none may have it, from one that was, and another queue under that number.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "descriptor.h"
#include "process.h"

#define VARIABLE "PYQUEUE_QUEUES"

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";

static bool is_name(const char *name)
{
	return name && *name && !name[strspn(name, allowed)];
}

/* Return: how many bytes all take in the variable, or -EINVAL. */
static ssize_t check(const struct pyq_process_queue *queues, size_t n)
{
	size_t bytes = 0;

	for (size_t i = 0; i < n; i++) {
		if (!is_name(queues[i].name) || !queues[i].q)
			return -EINVAL;
		for (size_t j = 0; j < i; j++) {
			if (!strcmp(queues[i].name, queues[j].name))
				return -EINVAL;
		}
		bytes += strlen(queues[i].name) + strlen(":2147483647:18446744073709551615,");
	}
	return (ssize_t)bytes;
}

static int write_variable(char *text, const struct pyq_process_queue *queues, size_t n)
{
	struct pyq_stat st;

	text = stpcpy(text, VARIABLE);
	for (size_t i = 0; i < n; i++) {
		const int err = pyq_stat(queues[i].q, &st);

		if (err)
			return err;
		text += sprintf(text, "%c%s:%d:%" PRIu64, i ? ',' : '=', queues[i].name,
				pyq_fd(queues[i].q), st.id);
	}
	return 0;
}

static bool is_ours(const char *variable)
{
	return !strncmp(variable, VARIABLE "=", sizeof(VARIABLE)) ||
	       !strncmp(variable, PYQI_POOL_VARIABLE "=", sizeof(PYQI_POOL_VARIABLE));
}

/* A variable that is there is about what this process was given: not the child's. */
int pyqi_process_environment(const struct pyq_process *p, int pool, char ***environment)
{
	static const size_t of_pool = sizeof(PYQI_POOL_VARIABLE "=2147483647");
	const char *const *from = p->envp ? p->envp : (const char *const *)environ;
	const ssize_t bytes = check(p->queues, p->nr_queues);
	size_t n = 0, to = 0;
	char *text;
	int err = 0;

	if (bytes < 0)
		return (int)bytes;
	while (from && from[n])
		n++;
	*environment = malloc((n + 3) * sizeof(**environment) + of_pool + sizeof(VARIABLE) +
			      (size_t)bytes);
	if (!*environment)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (!is_ours(from[i]))
			(*environment)[to++] = (char *)from[i];
	}
	text = (char *)(*environment + n + 3);
	if (pool >= 0) {
		(*environment)[to++] = text;
		text += sprintf(text, PYQI_POOL_VARIABLE "=%d", pool) + 1;
	}
	if (p->nr_queues) {
		(*environment)[to++] = text;
		err = write_variable(text, p->queues, p->nr_queues);
	}
	(*environment)[to] = NULL;
	return err;
}

/**
 * struct given - one of the queues that this program was given
 * @fd: its file
 * @id: its number; 0: any, for somebody has written the variable by hand
 */
struct given {
	int fd;
	uint64_t id;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* What is behind a name. What is not as it is written above is nobody's. */
static bool parse(const char *text, struct given *given)
{
	char *end;
	long fd;

	if (!is_digit(*text))
		return false;
	fd = strtol(text, &end, 10);
	given->fd = (int)fd;
	given->id = 0;
	if (*end == ':' && is_digit(end[1]))
		given->id = strtoull(end + 1, &end, 10);
	return fd <= INT_MAX && (!*end || *end == ',');
}

static bool find(const char *text, const char *name, struct given *given)
{
	const size_t len = strlen(name);

	while (text) {
		if (!strncmp(text, name, len) && text[len] == ':' && parse(text + len + 1, given))
			return true;
		text = strchr(text, ',');
		text = text ? text + 1 : NULL;
	}
	return false;
}

static int take(const struct given *given, pyq_queue **q)
{
	/* That one stays, for the next call. */
	const int own = pyqi_dup(given->fd);
	struct pyq_stat st;
	int err;

	if (own < 0)
		return own;
	err = pyq_from_fd(q, own);
	if (err) {
		close(own);
		return err;
	}
	err = pyq_stat(*q, &st);
	if (!err && given->id && given->id != st.id)
		err = -EBADF;
	if (err) {
		pyq_close(*q);
		*q = NULL;
	} else {
		fcntl(given->fd, F_SETFD, FD_CLOEXEC);
	}
	return err;
}

int pyq_process_queue(const char *name, pyq_queue **q)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	struct given given;

	*q = NULL;
	if (!is_name(name) || !find(getenv(VARIABLE), name, &given))
		return -ENOENT;
	return take(&given, q);
}
