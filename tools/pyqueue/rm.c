// SPDX-License-Identifier: MIT
/* pyqueue rm */
#include "command.h"

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int status = 0;

	while (next_option(argc, argv, "h", longs) != -1)
		;
	if (optind >= argc)
		usage_error("which queue? A name is missing");
	for (; optind < argc; optind++) {
		int err = pyq_unlink(argv[optind]);

		if (err)
			status = failed(argv[optind], err);
	}
	return status;
}

const struct command rm_command = {
	.name = "rm",
	.summary = "remove queues",
	.help = "Usage: pyqueue rm NAME...\n"
		"Remove names. Processes that have the queue open go on using it; it goes, with\n"
		"the messages in it, when the last one closes it. 'pyqueue shutdown' tells them.\n\n"
		"Example:\n"
		"  pyqueue shutdown jobs && pyqueue rm jobs\n",
	.run = run,
};
