// SPDX-License-Identifier: GPL-2.0
#include "kinds.h"

const struct kind kinds[] = {
	{ .name = "tiny", .attr = { .maxsize = 1, .payload = 48 } },
	{ .name = "small", .attr = { .maxsize = 5, .payload = 240 } },
	{ .name = "long", .attr = { .maxsize = 1000, .payload = 112 } },
	{ .name = "wide", .attr = { .maxsize = 12, .payload = 4080 } },
	{ .name = "large messages", .large = 2,
	  .attr = { .maxsize = 16, .payload = 48, .max_msg = LONGEST, .max_bytes = 2 << 20 } },
	{ .name = "few bytes", .large = 2,
	  .attr = { .maxsize = 64, .payload = 48, .max_msg = 20000, .max_bytes = 60000 } },
	{ .name = "unbounded", .large = 8, .module_only = true,
	  .attr = { .payload = 48, .max_msg = 5000, .max_bytes = 1 << 20 } },
	{ .name = "sealed", .large = 8, .module_only = true,
	  .attr = { .maxsize = 20, .payload = 240, .max_msg = 30000, .flags = PYQ_SEALED } },
};

int any_kind(struct chance *c, bool shm)
{
	int kind;

	do {
		kind = (int)any(c, COUNT(kinds));
	} while (shm && kinds[kind].module_only);
	return kind;
}
