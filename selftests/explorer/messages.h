/* SPDX-License-Identifier: GPL-2.0 */
/* A message: a payload of two words, and a length, that all say which it is. */
#ifndef EXPLORER_MESSAGES_H
#define EXPLORER_MESSAGES_H

#include "handles.h"

static const void *payload_of(unsigned int message)
{
	static __u64 payloads[MESSAGES_MAX + 1][2];

	payloads[message][0] = message * 0x0101010101010101ULL;
	payloads[message][1] = ~payloads[message][0];
	return payloads[message];
}

#endif
