// SPDX-License-Identifier: MIT
#include <pyqueue.h>
#include <stdio.h>
#include <unistd.h>

int main(void)
{
	pyq_queue *q;
	char text[64];
	ssize_t len = pyq_create(&q, &(struct pyq_attr){ .maxsize = 3 });

	if (!len && !fork())
		return pyq_put(q, "hello", 5, PYQ_FOREVER) != 0;
	if (!len)
		len = pyq_get(q, text, sizeof(text), PYQ_SECONDS(2));
	if (len < 0)
		fprintf(stderr, "hello: %s\n", pyq_strerror(len));
	else
		printf("The child says %.*s.\n", (int)len, text);
	pyq_close(q);
	return len < 0;
}
