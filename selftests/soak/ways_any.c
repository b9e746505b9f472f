// SPDX-License-Identifier: GPL-2.0
/* Taking from whichever of two queues has something. */
#include "ways.h"

void get_from_either(struct worker *w)
{
	struct worker other = *w;
	const int64_t timeout = any_timeout(w);
	size_t which = any(&w->chance, 3);
	ssize_t len;

	if (!open_some(&other, PYQ_READ))
		return;
	begin(w, GETTING, timeout);
	len = pyq_get_any((pyq_queue *[]){ w->q, other.q }, 2, &which, w->place->hand[0], LONGEST,
			  timeout);
	if (len >= 0)
		take(which ? &other : w, w->place->hand[0], (size_t)len, 1);
	else
		may_fail(w, "pyq_get_any()", len);
	begin(w, CLOSING, PYQ_NOWAIT);
	pyq_close(other.q);
}
