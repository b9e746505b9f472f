// SPDX-License-Identifier: MIT
/* Four threads of one function, as threading.Thread(target=work, args=(number,)). */
#include <pyqueue.h>
#include <stdio.h>

static int work(void *arg)
{
	const int *number = arg;

	printf("%s works on number %d\n", pyq_thread_name(pyq_thread_current()), *number);
	return 0;
}

int main(void)
{
	int numbers[] = { 1, 2, 3, 4 };
	pyq_thread threads[4] = { 0 };
	int err = 0;

	for (int i = 0; i < 4 && !err; i++) {
		threads[i] = (pyq_thread){ .target = work, .arg = &numbers[i] };
		err = pyq_thread_start(&threads[i]);
	}
	if (err)
		fprintf(stderr, "threads: %s\n", pyq_strerror(err));

	/* Those that were started: of another one this is an error, and no harm. */
	for (int i = 0; i < 4; i++)
		pyq_thread_join(&threads[i], PYQ_FOREVER);
	printf("all have ended\n");
	return err != 0;
}
