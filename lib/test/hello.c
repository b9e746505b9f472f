/* SPDX-License-Identifier: MIT */
/* A program of somebody who has installed the library. It runs without the module too. */
#include <pyqueue.h>
#include <stdio.h>

int main(void)
{
	pyq_queue *q;
	char text[16];
	int err = pyq_create(&q, &(struct pyq_attr){ .maxsize = 3 });

	if (!err)
		err = pyq_put(q, "hello", 6, PYQ_FOREVER);
	if (!err && pyq_get(q, text, sizeof(text), PYQ_FOREVER) == 6)
		puts(text);
	if (err)
		fprintf(stderr, "%s\n", pyq_strerror(err));
	pyq_close(q);
	return err && err != -ENODEV;
}
