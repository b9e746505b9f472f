// SPDX-License-Identifier: MIT
/* A process, as multiprocessing.Process(target=say, args=("hello",)). */
#include <pyqueue.h>
#include <stdio.h>

static int say(void *text)
{
	printf("%s: I am a subprocess, and say %s\n", pyq_process_name(pyq_process_current()),
	       (char *)text);
	return 3;
}

int main(void)
{
	struct pyq_process p = { .target = say, .arg = "hello" };
	int code = 0, err;

	printf("the parent begins\n");
	err = pyq_process_start(&p);
	if (!err)
		err = pyq_process_join(&p, PYQ_FOREVER);
	if (!err)
		err = pyq_process_exitcode(&p, &code);
	if (err) {
		fprintf(stderr, "process: %s\n", pyq_strerror(err));
		return 1;
	}
	printf("the parent ends, exit code: %d\n", code);
	pyq_process_close(&p);
	return 0;
}
