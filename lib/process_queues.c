// SPDX-License-Identifier: MIT
/* Queues for another program: their files by number, in its environment by name. And the
 * one socket of a pool's worker program, by number alone. */
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
		bytes += strlen(queues[i].name) + strlen(":2147483647,");
	}
	return (ssize_t)bytes;
}

static void write_variable(char *text, const struct pyq_process_queue *queues, size_t n)
{
	text = stpcpy(text, VARIABLE);
	for (size_t i = 0; i < n; i++)
		text += sprintf(text, "%c%s:%d", i ? ',' : '=', queues[i].name,
				pyq_fd(queues[i].q));
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
		write_variable(text, p->queues, p->nr_queues);
	}
	(*environment)[to] = NULL;
	return 0;
}

/* Return: its number, or -ENOENT. What is not as it is written above is nobody's. */
static int find(const char *text, const char *name)
{
	const size_t len = strlen(name);

	while (text) {
		if (!strncmp(text, name, len) && text[len] == ':') {
			const char *digits = text + len + 1;
			char *end;
			const long fd = strtol(digits, &end, 10);

			if (*digits >= '0' && *digits <= '9' && (!*end || *end == ',') &&
			    fd <= INT_MAX)
				return (int)fd;
		}
		text = strchr(text, ',');
		text = text ? text + 1 : NULL;
	}
	return -ENOENT;
}

int pyq_process_queue(const char *name, pyq_queue **q)
{
	PYQI_KEEP_ERRNO;
	PYQI_NO_CANCEL;
	const int fd = is_name(name) ? find(getenv(VARIABLE), name) : -ENOENT;
	int own, err;

	*q = NULL;
	if (fd < 0)
		return fd;
	/* That one stays, for the next call. */
	own = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (own < 0)
		return -errno;
	err = pyq_from_fd(q, own);
	if (err)
		close(own);
	else
		fcntl(fd, F_SETFD, FD_CLOEXEC);
	return err;
}
