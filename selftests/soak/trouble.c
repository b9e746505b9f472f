// SPDX-License-Identifier: GPL-2.0
#include "trouble.h"
#include "crew.h"
#include "limits.h"
#include "module.h"
#include "names.h"

typedef void act(struct soak *s);

/* In a hundred. */
static const struct {
	act *act;
	unsigned int times;
} acts[] = {
	{ crew_kill_one, 34 },	{ crew_stop_one, 12 },	{ crew_continue_one, 16 },
	{ names_renew_one, 12 }, { names_shut_one, 10 }, { limits_lower, 6 },
	{ limits_restore, 9 },	{ module_try_to_unload, 1 },
};

void trouble(struct soak *s)
{
	unsigned int n = any(&s->chance, 100);

	for (size_t i = 0; i < COUNT(acts); i++) {
		if (n < acts[i].times) {
			acts[i].act(s);
			return;
		}
		n -= acts[i].times;
	}
}
