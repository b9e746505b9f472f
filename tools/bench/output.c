// SPDX-License-Identifier: MIT
/* A file is written under another name beside it, and renamed when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include <sys/stat.h>

#include "alloc.h"
#include "output.h"

/* A pipe, a terminal, /dev/null: nothing can take its place. */
static int open_in_place(struct bench_output *output, const char *path)
{
	output->to = fopen(path, "we");
	return output->to ? 0 : -errno;
}

static int open_beside(struct bench_output *output, const char *path)
{
	int fd;

	/* The file that a link leads to, and not the link. */
	output->path = realpath(path, NULL);
	if (!output->path && asprintf(&output->path, "%s", path) < 0)
		return -ENOMEM;
	if (asprintf(&output->temporary, "%s.%d", output->path, getpid()) < 0)
		return -ENOMEM;
	fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0)
		return -errno;
	output->to = fdopen(fd, "w");
	return output->to ? 0 : -errno;
}

static void forget(struct bench_output *output)
{
	free(output->path);
	free(output->temporary);
	*output = (struct bench_output){ 0 };
}

int bench_output_open(struct bench_output *output, const char *path)
{
	struct stat seen;
	int err = 0;

	*output = (struct bench_output){ 0 };
	if (!path)
		output->to = stdout;
	else if (stat(path, &seen))
		err = errno == ENOENT ? open_beside(output, path) : -errno;
	else if (!S_ISREG(seen.st_mode))
		err = open_in_place(output, path);
	else
		err = access(path, W_OK) ? -errno : open_beside(output, path);
	if (err)
		forget(output);
	return err;
}

int bench_output_close(struct bench_output *output)
{
	const bool failed = ferror(output->to);
	int err = 0;

	if (output->to == stdout ? fflush(output->to) : fclose(output->to))
		err = -errno;
	if (!err && failed)
		err = -EIO;
	if (output->path) {
		if (!err && rename(output->temporary, output->path))
			err = -errno;
		if (err)
			unlink(output->temporary);
	}
	forget(output);
	return err;
}

/* Not after all has been measured. Nothing is left of it. */
int bench_output_try(const char *path)
{
	struct bench_output output;
	struct stat seen;
	int err;

	if (!path || (!stat(path, &seen) && !S_ISREG(seen.st_mode)))
		return path && access(path, W_OK) ? -errno : 0;
	err = bench_output_open(&output, path);
	if (err)
		return err;
	fclose(output.to);
	unlink(output.temporary);
	forget(&output);
	return 0;
}
