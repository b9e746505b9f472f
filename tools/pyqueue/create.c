// SPDX-License-Identifier: MIT
/* pyqueue create */
#include "command.h"

enum { PAYLOAD = 256, MAX_MSG, MAX_BYTES, SEALED, MAPPABLE, EXCL, OWNER };

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "maxsize", required_argument, NULL, 's' },
		{ "mode", required_argument, NULL, 'm' },
		{ "payload", required_argument, NULL, PAYLOAD },
		{ "max-msg", required_argument, NULL, MAX_MSG },
		{ "max-bytes", required_argument, NULL, MAX_BYTES },
		{ "sealed", no_argument, NULL, SEALED },
		{ "mappable", no_argument, NULL, MAPPABLE },
		{ "excl", no_argument, NULL, EXCL },
		{ "owner", required_argument, NULL, OWNER },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct pyq_attr attr = { .maxsize = 0 };
	bool bounded = false;
	struct pyq_owner owner;
	const char *why;
	pyq_queue *q;
	int c, err;

	while ((c = next_option(argc, argv, "hs:m:", longs)) != -1) {
		switch (c) {
		case 's':
			attr.maxsize = parse_number("--maxsize", optarg);
			bounded = true;
			break;
		case 'm':
			attr.mode = parse_mode(optarg);
			break;
		case PAYLOAD:
			attr.payload = parse_size("--payload", optarg);
			break;
		case MAX_MSG:
			attr.max_msg = parse_size("--max-msg", optarg);
			break;
		case MAX_BYTES:
			attr.max_bytes = parse_size("--max-bytes", optarg);
			break;
		case SEALED:
			attr.flags |= PYQ_SEALED;
			break;
		case MAPPABLE:
			attr.flags |= PYQ_MAPPABLE;
			break;
		case EXCL:
			attr.flags |= PYQ_EXCL;
			break;
		case OWNER:
			owner = parse_owner(optarg);
			attr.owner = &owner;
			break;
		}
	}
	attr.name = name_argument(argc, argv);
	if (!bounded)
		usage_error("how many messages may it hold? Give --maxsize N; 0 is no bound");
	if (attr.flags & PYQ_SEALED && attr.flags & PYQ_MAPPABLE)
		usage_error("--sealed and --mappable exclude each other");

	if (pyq_attr_check(&attr, &why)) {
		complain("%s: %s", attr.name, why);
		return STATUS_ERROR;
	}
	err = pyq_create(&q, &attr);
	if (err)
		return failed(attr.name, err);
	if (attr.maxsize > 0 && pyq_maxsize(q) != attr.maxsize)
		complain("%s: note: it existed already, and has maxsize %lld; --excl refuses that",
			 attr.name, (long long)pyq_maxsize(q));
	pyq_close(q);
	return 0;
}

const struct command create_command = {
	.name = "create",
	.summary = "make a queue that other processes find by its name",
	.help = "Usage: pyqueue create NAME --maxsize N [OPTION...]\n"
		"Make a queue. It stays until 'pyqueue rm'. One that exists is left as it is.\n\n"
		"  -s, --maxsize N      how many messages it holds; 0: as many as memory\n"
		"  -m, --mode MODE      permissions, as of a file: read is get, write is put [0600]\n"
		"      --owner U[:G]    user and group it belongs to (names or numbers)\n"
		"      --excl           it is an error if it exists\n"
		"      --payload BYTES  messages up to this size are fast [240]\n"
		"      --max-msg BYTES  largest message [1M]; at most 64M\n"
		"      --max-bytes BYTES  bound on the bytes of messages that are not fast, and of\n"
		"                       those that wait behind a queue without a bound's ring\n"
		"      --sealed         no process may map its memory\n"
		"      --mappable       all whom the mode lets in may; without it, only a queue\n"
		"                       that is its owner's alone can be mapped\n\n"
		"Example:\n"
		"  pyqueue create jobs --maxsize 100 --mode 0660 --owner :staff\n",
	.run = run,
};
