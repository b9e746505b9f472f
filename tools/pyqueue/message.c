// SPDX-License-Identifier: MIT
/* What the command says when something is wrong, and the status it exits with. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

static void vcomplain(const char *format, va_list args)
{
	if (command)
		fprintf(stderr, "pyqueue: %s: ", command->name);
	else
		fputs("pyqueue: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
}

void complain(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
}

void usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vcomplain(format, args);
	va_end(args);
	fprintf(stderr, "'pyqueue %s --help' shows how to use it.\n", command->name);
	exit(STATUS_USAGE);
}

int failed(const char *what, long err)
{
	const char *why = NULL;

	/* Of all calls, and the attributes of this one are in order. */
	if (err == -EINVAL)
		pyq_attr_check(&(struct pyq_attr){ .maxsize = 1 }, &why);
	if (why)
		complain("%s", why);
	else if (what)
		complain("%s: %s", what, pyq_strerror(err));
	else
		complain("%s", pyq_strerror(err));

	if (err == -EAGAIN || err == -ETIMEDOUT)
		return STATUS_TIMEOUT;
	return err == -ESHUTDOWN ? STATUS_SHUTDOWN : STATUS_ERROR;
}

int finish_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	complain("standard output: %s", strerror(errno));
	return status ? status : STATUS_ERROR;
}
