// SPDX-License-Identifier: MIT
/* Without the module everything that needs it says so, and errno stays as it was. */
#include <pyqueue.h>
#include <stdlib.h>
#include <unistd.h>

#include "test.h"

static int never(const struct pyq_name *name, void *arg)
{
	(void)name;
	(void)arg;
	CHECK(!"called");
	return 1;
}

int main(void)
{
	struct pyq_attr attr = { .maxsize = 1 };
	struct pyq_info info;
	pyq_queue *q = (pyq_queue *)&attr;
	int pipes[2];

	if (!access("/dev/pyqueue", F_OK)) {
		puts("/dev/pyqueue exists");
		return SKIPPED;
	}
	setenv("PYQUEUE_BACKEND", "kernel", 1); /* or it would do without */
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -ENODEV && !q);
	attr.name = "name";
	CHECK(KEEPS_ERRNO(pyq_create(&q, &attr)) == -ENODEV && !q);
	CHECK(KEEPS_ERRNO(pyq_open(&q, "name", 0)) == -ENODEV && !q);
	CHECK(KEEPS_ERRNO(pyq_unlink("name")) == -ENODEV);
	CHECK(KEEPS_ERRNO(pyq_list(never, NULL)) == -ENODEV);
	CHECK(KEEPS_ERRNO(pyq_info(&info)) == -ENODEV);
	CHECK(!strcmp(info.backend, "kernel") && !strcmp(info.features, ""));

	CHECK(KEEPS_ERRNO(pyq_from_fd(&q, -1)) == -EBADF && !q);
	CHECK(!pipe(pipes));
	CHECK(KEEPS_ERRNO(pyq_from_fd(&q, pipes[0])) == -ENOTTY && !q);
	CHECK(!close(pipes[0])); /* it stayed ours */
	pyq_close(NULL);
	return failures;
}
