/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where an operation can be killed, and what is in the queue then.
 *
 * The fault points are written down as
 *
 *	load head, load word, cas word / cas head, cas word | end
 *
 * Killed before a step left of "/" a get has touched nothing; from there on it
 * had the message in hand, which is delivered again; right of "|" the operation
 * has taken effect.
 *
 * The queue is what another finds after recovery: its messages, "*2" if it is
 * the second delivery, and how many are unfinished. Who has not been in hand is
 * as before. When the ring takes other steps, ring_kill.c fails and prints them.
 */
KILLED(put, empty,
       .points =
	       "load tail, load word, load head_cache, cas word, cas tail, write payload, "
	       "store len, cas word | end",
       .before = ": 0 unfinished",
       .after = "9: 1 unfinished");
KILLED(put, old_head_cache,
       .points =
	       "load tail, load word, load head_cache, load head, store head_cache, "
	       "cas word, cas tail, write payload, store len, cas word | end",
       .before = ": 0 unfinished",
       .after = "9: 1 unfinished");
KILLED(put, full,
       .points =
	       "load tail, load word, load head_cache, load head, store head_cache, "
	       "load head, load word, load tail, end",
       .before = "1 2 3: 3 unfinished");
KILLED(put, tombstone_and_full,
       .points =
	       "load tail, load word, load head_cache, load head, store head_cache, "
	       "load head, load word, cas word, load skipped, load head, cas skipped, "
	       "cas head, cas word, load tail, load word, load head_cache, load head, "
	       "store head_cache, cas word, cas tail, write payload, store len, cas word | "
	       "end",
       .before = "1 2: 2 unfinished",
       .after = "1 2 9: 3 unfinished");
KILLED(put, tail_not_moved,
       .points =
	       "load tail, load word, cas tail, load tail, load word, load head_cache, "
	       "cas word, cas tail, write payload, store len, cas word | end",
       .before = "1: 1 unfinished",
       .after = "1 9: 2 unfinished");
KILLED(put, head_not_moved_and_full,
       .points =
	       "load tail, load word, load head_cache, load head, store head_cache, "
	       "load head, load word, cas head, load tail, load word, load head_cache, "
	       "load head, store head_cache, cas word, cas tail, write payload, store len, "
	       "cas word | end",
       .before = "1*2 2 3: 3 unfinished",
       .after = "1*2 2 3 9: 4 unfinished");
KILLED(put, skipping,
       .points =
	       "load tail, load word, load head_cache, cas word, cas tail, write payload, "
	       "store len, cas word | end",
       .before = "1: 1 unfinished",
       .after = "1 9: 2 unfinished");
KILLED(void_claim, void_claim,
       .points = "cas tail, load tail, cas word, end",
       .before = "1: 1 unfinished, shut down");
KILLED(bury, one,
       .points =
	       "load tail, load word, load head_cache, cas word, cas tail, cas word, "
	       "load marks, cas marks, end",
       .before = "1: 1 unfinished");
KILLED(bury, tombstone_and_full,
       .points =
	       "load tail, load word, load head_cache, load head, store head_cache, "
	       "load head, load word, cas word, load skipped, load head, cas skipped, "
	       "cas head, cas word, load tail, load word, load head_cache, load head, "
	       "store head_cache, cas word, cas tail, cas word, load marks, cas marks, end",
       .before = "1 2: 2 unfinished");
KILLED(get, empty,
       .points = "load marks, load head, load word, load tail, end",
       .before = ": 0 unfinished");
KILLED(get, two,
       .points =
	       "load marks, load head, load word, load len, load word, cas word / cas head, "
	       "read payload, cas word | end",
       .before = "1 2: 2 unfinished", .in_hand = "1*2 2: 2 unfinished",
       .after = "2: 2 unfinished");
KILLED(get, orphan,
       .points =
	       "load marks, load head, load word, load word, load word, load word, load len, "
	       "load word, cas word / read payload, cas word | end",
       .before = "1 2: 2 unfinished", .in_hand = "1*2 2: 2 unfinished",
       .after = "2: 2 unfinished");
KILLED(get, stale_mark,
       .points =
	       "load marks, load head, load word, load word, load word, load word, "
	       "cas marks, load head, load word, load len, load word, cas word / cas head, "
	       "read payload, cas word | end",
       .before = "1: 1 unfinished", .in_hand = "1*2: 1 unfinished",
       .after = ": 1 unfinished");
KILLED(get, tombstone,
       .points =
	       "load marks, load head, load word, cas word, load skipped, load head, "
	       "cas skipped, cas head, cas word, load head, load word, load len, load word, "
	       "cas word / cas head, read payload, cas word | end",
       .before = "1: 1 unfinished", .in_hand = "1*2: 1 unfinished",
       .after = ": 1 unfinished");
KILLED(get, two_tombstones,
       .points =
	       "load marks, load head, load word, cas word, load skipped, load head, "
	       "cas skipped, cas head, cas word, load head, load word, cas word, load skipped, "
	       "load head, cas skipped, cas head, cas word, load head, load word, load len, "
	       "load word, cas word / cas head, read payload, cas word | end",
       .before = "1: 1 unfinished", .in_hand = "1*2: 1 unfinished",
       .after = ": 1 unfinished");
KILLED(get, skipping,
       .points =
	       "load marks, load head, load word, load skipped, load head, cas skipped, "
	       "cas head, load head, load word, load len, load word, cas word / cas head, "
	       "read payload, cas word | end",
       .before = "1: 1 unfinished", .in_hand = "1*2: 1 unfinished",
       .after = ": 1 unfinished");
KILLED(get, head_not_moved,
       .points =
	       "load marks, load head, load word, cas head, load head, load word, load len, "
	       "load word, cas word / cas head, read payload, cas word | end",
       .before = "1*2 2: 2 unfinished", .in_hand = "1*2 2*2: 2 unfinished",
       .after = "1*2: 2 unfinished");
KILLED(get, tail_not_moved,
       .points =
	       "load marks, load head, load word, load len, load word, cas word / cas head, "
	       "read payload, cas word | end",
       .before = "1: 1 unfinished", .in_hand = "1*2: 1 unfinished",
       .after = ": 1 unfinished");
KILLED(get_too_long, two,
       .points = "load marks, load head, load word, load len, load word, end",
       .before = "1 2: 2 unfinished");
KILLED(give_back, two,
       .points =
	       "load marks, load head, load word, load len, load word, cas word / cas head, "
	       "cas word | load marks, cas marks, end",
       .before = "1 2: 2 unfinished", .in_hand = "1*2 2: 2 unfinished",
       .after = "1 2: 2 unfinished");
KILLED(give_back, orphan,
       .points =
	       "load marks, load head, load word, load word, load word, load word, load len, "
	       "load word, cas word / cas word | load marks, cas marks, end",
       .before = "1 2: 2 unfinished", .in_hand = "1*2 2: 2 unfinished",
       .after = "1 2: 2 unfinished");
KILLED(qsize, tombstone,
       .points =
	       "load head, load word, cas word, load skipped, load head, cas skipped, "
	       "cas head, cas word, load head, load word, load overflow, load marks, "
	       "load head, load tail, load word, cas marks, end",
       .before = "1: 1 unfinished");
KILLED(qsize, tombstone_between,
       .points =
	       "load head, load word, load overflow, load marks, load head, load tail, "
	       "load word, load word, load word, end",
       .before = "1 2: 2 unfinished");
KILLED(qsize, orphan,
       .points =
	       "load head, load word, load overflow, load marks, load head, load tail, "
	       "load word, load word, load word, load word, end",
       .before = "1 2: 2 unfinished");
KILLED(unfinished, two_tombstones,
       .points =
	       "load head, load word, cas word, load skipped, load head, cas skipped, "
	       "cas head, cas word, load head, load word, cas word, load skipped, load head, "
	       "cas skipped, cas head, cas word, load head, load word, load done, "
	       "load skipped, load overflow, load tail, end",
       .before = "1: 1 unfinished");
KILLED(task_done, taken,
       .points =
	       "load head, load word, load done, load skipped, load overflow, load tail, "
	       "cas done | load head, load word, load done, load skipped, load overflow, "
	       "load tail, end",
       .before = "2: 2 unfinished",
       .after = "2: 1 unfinished");
KILLED(close, one,
       .points = "or tail | end",
       .before = "1: 1 unfinished",
       .after = "1: 1 unfinished, shut down");
KILLED(close_and_drop, one,
       .points = "or tail | or detour, end",
       .before = "1: 1 unfinished",
       .after = "1: 1 unfinished, shut down");
KILLED(recover, debts,
       .points =
	       "load word, load head, load head, load word, cas head, load head, cas word, "
	       "load marks, cas marks, load word, load head, load head, load word, "
	       "load skipped, load head, cas skipped, cas head, load head, cas word, "
	       "load word, load tail, cas tail, load tail, cas word, load marks, cas marks, "
	       "load word, load marks, cas marks, end",
       .points_where_it_wraps = "load word, load head, load head, load word, cas head, load head, load "
		"head, load word, load skipped, load head, cas skipped, cas head, load "
		"head, cas word, load word, load tail, cas tail, load tail, cas word, "
		"load marks, cas marks, load word, load word, load head, cas word, load "
		"marks, cas marks, load marks, cas marks, end",
       .before = "1*2: 1 unfinished");
KILLED(recover, two,
       .points = "load word, load word, load word, load word, load marks, cas marks, end",
       .before = "1 2: 2 unfinished");
