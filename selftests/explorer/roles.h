/* SPDX-License-Identifier: GPL-2.0 */
/* The parts that there are in casts. What they may touch is in casts.c. */
#ifndef EXPLORER_ROLES_H
#define EXPLORER_ROLES_H

#include "world.h"

script_fn script_put, script_get, script_reserve, script_borrow, script_poll, script_join;
script_fn script_count, script_shut_down, script_recover;

#endif
