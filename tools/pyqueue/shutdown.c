// SPDX-License-Identifier: MIT
/* pyqueue shutdown */
#include "command.h"

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "immediate", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	bool immediate = false;
	const char *name;
	pyq_queue *q;
	int c, err;

	while ((c = next_option(argc, argv, "hi", longs)) != -1)
		immediate = true;
	name = name_argument(argc, argv);

	/* Dropping messages takes the right to get them. */
	err = pyq_open(&q, name, immediate ? PYQ_READ | PYQ_WRITE : PYQ_WRITE);
	if (err)
		return failed(name, err);
	err = pyq_shutdown(q, immediate);
	pyq_close(q);
	return err ? failed(name, err) : 0;
}

const struct command shutdown_command = {
	.name = "shutdown",
	.summary = "end a queue: no more puts, gets until it is empty",
	.help = "Usage: pyqueue shutdown NAME [--immediate]\n"
		"Nothing can be put any more; what is in the queue can still be taken. Everybody\n"
		"who waits is woken. The name stays until 'pyqueue rm'.\n\n"
		"  -i, --immediate  drop the messages that are in it\n\n"
		"Example:\n"
		"  pyqueue put jobs last && pyqueue shutdown jobs   # ends 'pyqueue get --follow'\n",
	.run = run,
};
