// SPDX-License-Identifier: MIT
/* pyqueue stat */
#include <stdio.h>

#include "command.h"

static void print_stat(const char *name, const struct pyq_stat *st, bool json)
{
	char mode[10], octal[8], user[64], group[64];
	struct report r;

	snprintf(octal, sizeof(octal), "%04o", (unsigned int)st->mode & 07777);
	report_begin(&r, json);
	report_text(&r, "name:", "name", name);
	report_unsigned(&r, "id:", "id", st->id);
	report_unsigned(&r, "qsize:", "qsize", st->qsize);
	report_signed(&r, "maxsize:", "maxsize", st->maxsize);
	report_unsigned(&r, "unfinished:", "unfinished", st->unfinished);
	report_unsigned(&r, "getters:", "getters", st->getters);
	report_unsigned(&r, "putters:", "putters", st->putters);
	report_unsigned(&r, "joiners:", "joiners", st->joiners);
	report_unsigned(&r, "payload:", "payload", st->payload);
	report_unsigned(&r, "max_msg:", "max_msg", st->max_msg);
	report_unsigned(&r, "max_bytes:", "max_bytes", st->max_bytes);
	report_unsigned(&r, "large_bytes:", "large_bytes", st->large_bytes);
	report_unsigned(&r, "ring_bytes:", "ring_bytes", st->ring_bytes);
	report_text(&r, "mode:", "mode", json ? octal : mode_text(st->mode, mode));
	if (json) {
		report_unsigned(&r, "", "uid", st->uid);
		report_unsigned(&r, "", "gid", st->gid);
	} else {
		report_text(&r, "owner:", "", user_text(st->uid, user, sizeof(user)));
		report_text(&r, "group:", "", group_text(st->gid, group, sizeof(group)));
	}
	report_bool(&r, "sealed:", "sealed", st->sealed);
	report_bool(&r, "shut down:", "shutdown", st->shutdown);
	report_bool(&r, "broken:", "broken", st->broken);
	report_end(&r);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct pyq_stat st;
	const char *name;
	bool json = false;
	pyq_queue *q;
	int c, err;

	while ((c = next_option(argc, argv, "hj", longs)) != -1)
		json = true;
	name = name_argument(argc, argv);

	/* Who may do either may look. */
	err = pyq_open(&q, name, PYQ_READ);
	if (err == -EACCES)
		err = pyq_open(&q, name, PYQ_WRITE);
	if (err)
		return failed(name, err);
	err = pyq_stat(q, &st);
	pyq_close(q);
	if (err)
		return failed(name, err);
	print_stat(name, &st, json);
	return 0;
}

const struct command stat_command = {
	.name = "stat",
	.summary = "show how a queue is doing",
	.help = "Usage: pyqueue stat NAME [--json]\n"
		"Show a queue's messages, who waits for it, its bounds and permissions.\n\n"
		"  -j, --json  as a JSON object\n\n"
		"'unfinished' are the messages put that nobody has said to be done with;\n"
		"'getters' and 'putters' are the processes and threads asleep in get and put.\n\n"
		"Example:\n"
		"  pyqueue stat jobs --json | jq .qsize\n",
	.run = run,
};
