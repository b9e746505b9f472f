// SPDX-License-Identifier: MIT
/* pyqueue info */
#include <string.h>

#include "command.h"

static void print_info(const struct pyq_info *info, bool json)
{
	struct report r;

	report_begin(&r, json);
	report_text(&r, "backend:", "backend", info->backend);
	report_unsigned(&r, "ABI version:", "abi_version", info->abi_version);
	report_text(&r, "features:", "features", info->features);
	report_unsigned(&r, "maxsize_max:", "maxsize_max", info->maxsize_max);
	report_unsigned(&r, "max_msg_max:", "max_msg_max", info->max_msg_max);
	report_unsigned(&r, "payload_max:", "payload_max", info->payload_max);
	/* Nobody counts what is in shared memory: df /dev/shm. */
	if (!strcmp(info->backend, "kernel")) {
		report_unsigned(&r, "max_user_queues:", "max_user_queues", info->max_user_queues);
		report_unsigned(&r, "max_user_bytes:", "max_user_bytes", info->max_user_bytes);
		report_unsigned(&r, "user_queues:", "user_queues", info->user_queues);
		report_unsigned(&r, "user_bytes:", "user_bytes", info->user_bytes);
	}
	report_end(&r);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct pyq_info info;
	bool json = false;
	int c, err;

	while ((c = next_option(argc, argv, "hj", longs)) != -1)
		json = true;
	if (optind < argc)
		usage_error("it takes no arguments; 'pyqueue stat %s' shows one queue",
			    argv[optind]);

	err = pyq_info(&info);
	if (err)
		return failed(NULL, err);
	print_info(&info, json);
	return 0;
}

const struct command info_command = {
	.name = "info",
	.summary = "show what this system offers, and your share of it",
	.help = "Usage: pyqueue info [--json]\n"
		"Show the backend, its ABI version and features, the largest values that\n"
		"'pyqueue create' takes; of the module also what each user may have (module\n"
		"parameters max_user_queues and max_user_bytes), and what you have.\n\n"
		"  -j, --json  as a JSON object\n\n"
		"Example:\n"
		"  pyqueue info | grep features\n",
	.run = run,
};
