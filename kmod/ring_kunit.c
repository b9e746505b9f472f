// SPDX-License-Identifier: GPL-2.0
/*
 * The ring as the kernel's compiler and atomics have it: the cases of ring_cases_*.h as
 * KUnit suites. (Several at work on one ring: ring_kunit_threads.c.)
 */
#include "ring_kunit.h"

#include "ring_cases_batch.h"
#include "ring_cases_broken.h"
#include "ring_cases_laps.h"
#include "ring_cases_overflow.h"
#include "ring_cases_recover.h"
#include "ring_cases_sleepers.h"
#include "ring_cases_units.h"

static const struct case_variant units_variants[] = {
	VARIANT(units, from_zero),
	VARIANT(units, last_slot),
	VARIANT(units, last_lap),
};

KUNIT_ARRAY_PARAM(units, units_variants, case_variant_name);

static struct kunit_case units_cases[] = {
	KUNIT_CASE_PARAM(units_putter_helps_tail, units_gen_params),
	KUNIT_CASE_PARAM(units_full_after_helping, units_gen_params),
	KUNIT_CASE_PARAM(units_getter_waits_for_putter, units_gen_params),
	KUNIT_CASE_PARAM(units_getter_helps_head, units_gen_params),
	KUNIT_CASE_PARAM(units_putter_helps_head_when_full, units_gen_params),
	KUNIT_CASE_PARAM(units_held_slot_one_lap_back, units_gen_params),
	KUNIT_CASE_PARAM(units_predicates_help_too, units_gen_params),
	KUNIT_CASE_PARAM(units_too_long_is_not_claimed, units_gen_params),
	KUNIT_CASE_PARAM(units_empty_message, units_gen_params),
	KUNIT_CASE_PARAM(units_indirect_goes_with_the_message, units_gen_params),
	KUNIT_CASE_PARAM(units_getter_takes_tombstones_away, units_gen_params),
	KUNIT_CASE_PARAM(units_putter_who_finds_it_full_takes_tombstones_away, units_gen_params),
	KUNIT_CASE_PARAM(units_freed_is_told, units_gen_params),
	KUNIT_CASE_PARAM(units_tombstones_in_the_middle, units_gen_params),
	KUNIT_CASE_PARAM(units_tombstone_is_counted_once, units_gen_params),
	KUNIT_CASE_PARAM(units_aborted_mark, units_gen_params),
	KUNIT_CASE_PARAM(units_orphans_come_first, units_gen_params),
	KUNIT_CASE_PARAM(units_give_back_keeps_deliveries, units_gen_params),
	KUNIT_CASE_PARAM(units_orphans_above_the_bound, units_gen_params),
	KUNIT_CASE_PARAM(units_orphans_and_tombstones, units_gen_params),
	KUNIT_CASE_PARAM(units_orphan_mark, units_gen_params),
	KUNIT_CASE_PARAM(units_void_claim, units_gen_params),
	KUNIT_CASE_PARAM(units_helped_claim_is_not_void, units_gen_params),
	KUNIT_CASE_PARAM(units_void_claim_at_head, units_gen_params),
	KUNIT_CASE_PARAM(units_shutdown_waits_for_head, units_gen_params),
	KUNIT_CASE_PARAM(units_drop_is_said, units_gen_params),
	KUNIT_CASE_PARAM(units_one_task_done_too_many, units_gen_params),
	KUNIT_CASE_PARAM(units_no_task_done_for_a_tombstone, units_gen_params),
	KUNIT_CASE_PARAM(units_dropped_counts_what_is_unfinished, units_gen_params),
	KUNIT_CASE_PARAM(units_tombstones_are_finished_when_passed, units_gen_params),
	{}
};

static struct kunit_suite units_suite = {
	.name = "pyqueue_ring_units",
	.init = units_init,
	.exit = units_exit,
	.test_cases = units_cases,
};

static const struct case_variant recover_variants[] = {
	VARIANT(recover, from_zero),
	VARIANT(recover, last_slots),
	VARIANT(recover, last_slot),
	VARIANT(recover, last_lap),
};

KUNIT_ARRAY_PARAM(recover, recover_variants, case_variant_name);

static struct kunit_case recover_cases[] = {
	KUNIT_CASE_PARAM(recover_putter_before_tail, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_after_tail, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_of_a_batch, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_of_a_batch_that_was_helped, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_of_half_a_batch, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_among_the_living, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_with_a_void_claim, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_with_a_batch_half_void, recover_gen_params),
	KUNIT_CASE_PARAM(recover_putter_of_the_last_message, recover_gen_params),
	KUNIT_CASE_PARAM(recover_getter_before_head, recover_gen_params),
	KUNIT_CASE_PARAM(recover_getter_after_head, recover_gen_params),
	KUNIT_CASE_PARAM(recover_getter_of_a_batch, recover_gen_params),
	KUNIT_CASE_PARAM(recover_getter_behind_tombstones, recover_gen_params),
	KUNIT_CASE_PARAM(recover_getter_one_lap_back, recover_gen_params),
	KUNIT_CASE_PARAM(recover_getter_after_shutdown, recover_gen_params),
	KUNIT_CASE_PARAM(recover_deliveries_end_at_255, recover_gen_params),
	KUNIT_CASE_PARAM(recover_skipper, recover_gen_params),
	KUNIT_CASE_PARAM(recover_publish_of_the_dead, recover_gen_params),
	KUNIT_CASE_PARAM(recover_release_of_the_dead, recover_gen_params),
	KUNIT_CASE_PARAM(recover_nothing_to_do, recover_gen_params),
	KUNIT_CASE_PARAM(recover_may_be_repeated, recover_gen_params),
	KUNIT_CASE_PARAM(recover_orphan_that_was_not_said, recover_gen_params),
	KUNIT_CASE_PARAM(recover_tombstone_that_was_not_said, recover_gen_params),
	KUNIT_CASE_PARAM(recover_number_is_used_again, recover_gen_params),
	{}
};

static struct kunit_suite recover_suite = {
	.name = "pyqueue_ring_recover",
	.init = recover_init,
	.exit = recover_exit,
	.test_cases = recover_cases,
};

static const struct case_variant laps_variants[] = {
	VARIANT(laps, 1_from_zero),
	VARIANT(laps, 1_position_wraps),
	VARIANT(laps, 1_lap_changes_sign),
	VARIANT(laps, 1_lap_wraps),
	VARIANT(laps, 1_last_positions),
	VARIANT(laps, 2_from_zero),
	VARIANT(laps, 2_position_wraps),
	VARIANT(laps, 2_lap_changes_sign),
	VARIANT(laps, 2_lap_wraps),
	VARIANT(laps, 2_last_positions),
	VARIANT(laps, 3_from_zero),
	VARIANT(laps, 3_position_wraps),
	VARIANT(laps, 3_lap_changes_sign),
	VARIANT(laps, 3_lap_wraps),
	VARIANT(laps, 3_last_positions),
	VARIANT(laps, 5_from_zero),
	VARIANT(laps, 5_position_wraps),
	VARIANT(laps, 5_lap_changes_sign),
	VARIANT(laps, 5_lap_wraps),
	VARIANT(laps, 5_last_positions),
	VARIANT(laps, 64_from_zero),
	VARIANT(laps, 64_position_wraps),
	VARIANT(laps, 64_lap_changes_sign),
	VARIANT(laps, 64_lap_wraps),
	VARIANT(laps, 64_last_positions),
};

KUNIT_ARRAY_PARAM(laps, laps_variants, case_variant_name);

static struct kunit_case laps_cases[] = {
	KUNIT_CASE_PARAM(laps_order_is_the_smallest, laps_gen_params),
	KUNIT_CASE_PARAM(laps_one_by_one, laps_gen_params),
	KUNIT_CASE_PARAM(laps_bound_is_exact, laps_gen_params),
	KUNIT_CASE_PARAM(laps_bound_is_exact_while_full, laps_gen_params),
	KUNIT_CASE_PARAM(laps_claims_count, laps_gen_params),
	KUNIT_CASE_PARAM(laps_one_tombstone, laps_gen_params),
	KUNIT_CASE_PARAM(laps_only_tombstones, laps_gen_params),
	KUNIT_CASE_PARAM(laps_orphans_in_order, laps_gen_params),
	KUNIT_CASE_PARAM(laps_shut_down_at_each_level, laps_gen_params),
	KUNIT_CASE_PARAM(laps_putter_dies_with_all_slots, laps_gen_params),
	KUNIT_CASE_PARAM(laps_getter_dies_with_all_messages, laps_gen_params),
	KUNIT_CASE_PARAM(laps_unfinished, laps_gen_params),
	{}
};

static struct kunit_suite laps_suite = {
	.name = "pyqueue_ring_laps",
	.init = laps_init,
	.exit = laps_exit,
	.test_cases = laps_cases,
};

static const struct case_variant batch_variants[] = {
	VARIANT(batch, from_zero),
	VARIANT(batch, array_wraps),
	VARIANT(batch, lap_wraps),
	VARIANT(batch, last_positions),
};

KUNIT_ARRAY_PARAM(batch, batch_variants, case_variant_name);

static struct kunit_case batch_cases[] = {
	KUNIT_CASE_PARAM(batch_puts_as_many_as_there_is_room_for, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_no_more_than_asked_for, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_behind_what_is_there, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_up_to_a_slot_that_is_held, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_one_of_which_is_aborted, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_after_shutdown, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_that_others_help, batch_gen_params),
	KUNIT_CASE_PARAM(batch_puts_closed_at_each_step, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_all_in_order, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_no_more_than_asked_for, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_nothing, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_up_to_one_that_is_too_long, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_up_to_a_tombstone, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_up_to_one_that_is_not_published, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_alone_what_is_elsewhere, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_alone_what_comes_again, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_up_to_a_length_that_cannot_be, batch_gen_params),
	KUNIT_CASE_PARAM(batch_gets_given_back, batch_gen_params),
	{}
};

static struct kunit_suite batch_suite = {
	.name = "pyqueue_ring_batch",
	.init = batch_init,
	.exit = batch_exit,
	.test_cases = batch_cases,
};

static struct kunit_case overflow_cases[] = {
	KUNIT_CASE(overflow_one_puts_behind_what_waits),
	KUNIT_CASE(overflow_what_waits_is_counted),
	KUNIT_CASE(overflow_is_counted_while_it_moves),
	KUNIT_CASE(overflow_shut_down_while_none_waits),
	KUNIT_CASE(overflow_shut_down_while_some_wait),
	KUNIT_CASE(overflow_shut_down_at_once),
	KUNIT_CASE(overflow_a_count_that_is_spoilt),
	{}
};

static struct kunit_suite overflow_suite = {
	.name = "pyqueue_ring_overflow",
	.init = overflow_init,
	.exit = overflow_exit,
	.test_cases = overflow_cases,
};

static const struct case_variant sleepers_variants[] = {
	VARIANT(sleepers, from_zero),
	VARIANT(sleepers, sequence_wraps),
};

KUNIT_ARRAY_PARAM(sleepers, sleepers_variants, case_variant_name);

static struct kunit_case sleepers_cases[] = {
	KUNIT_CASE_PARAM(sleepers_each_is_claimed_once, sleepers_gen_params),
	KUNIT_CASE_PARAM(sleepers_takes_back_what_nobody_has_claimed, sleepers_gen_params),
	KUNIT_CASE_PARAM(sleepers_does_not_take_back_anothers, sleepers_gen_params),
	KUNIT_CASE_PARAM(sleepers_too_many, sleepers_gen_params),
	KUNIT_CASE_PARAM(sleepers_announced_anew, sleepers_gen_params),
	KUNIT_CASE_PARAM(sleepers_pollers_are_claimed_together, sleepers_gen_params),
	{}
};

static struct kunit_suite sleepers_suite = {
	.name = "pyqueue_ring_sleepers",
	.init = sleepers_init,
	.exit = sleepers_exit,
	.test_cases = sleepers_cases,
};

static struct kunit_case broken_cases[] = {
	KUNIT_CASE(broken_unknown_state),
	KUNIT_CASE(broken_lap_at_head),
	KUNIT_CASE(broken_lap_at_tail),
	KUNIT_CASE(broken_head_beyond_tail),
	KUNIT_CASE(broken_recover_of_a_claim_far_ahead),
	KUNIT_CASE(broken_recover_of_a_get_out_of_order),
	KUNIT_CASE(broken_recover_goes_on),
	KUNIT_CASE(broken_len_is_told_as_it_is),
	KUNIT_CASE(broken_rubbish),
	{}
};

static struct kunit_suite broken_suite = {
	.name = "pyqueue_ring_broken",
	.init = broken_init,
	.exit = broken_exit,
	.test_cases = broken_cases,
};

static struct kunit_case ring_cases[] = {
	KUNIT_CASE(tombstone_at_each_end_of_32_bits),
	KUNIT_CASE(recover_one_slot),
	KUNIT_CASE(spoilt_everywhere),
	KUNIT_CASE(after_the_last_position),
	{}
};

static struct kunit_suite ring_suite = {
	.name = "pyqueue_ring",
	.test_cases = ring_cases,
};

kunit_test_suites(&units_suite, &recover_suite, &laps_suite, &batch_suite, &overflow_suite,
		  &sleepers_suite, &broken_suite, &ring_suite);

MODULE_DESCRIPTION("KUnit tests of the ring of pyqueue");
MODULE_LICENSE("GPL");
