//! Known defects, each with the tests that hold it off: those of the reference system, and what breaks on real AWS.

use crate::tables::{Row, check};

/// Defects of aws-samples/aws-rds-crossaccount-replication @ db28692, and the tests that would fail with them here.
const REFERENCE: &[Row] = &[
    (
        "R1",
        "errors are swallowed, and the cause is only in logs",
        &["failures_of_the_source_account_have_names", "the_chain_is_joined_once"],
    ),
    (
        "R2",
        "a snapshot that is not ready crashes the machine",
        &[
            "a_snapshot_is_waited_for_until_it_is_available_or_hopeless",
            "every_waiting_step_is_task_choice_and_wait",
        ],
    ),
    (
        "R3",
        "a copy that is not ready crashes the machine",
        &[
            "a_copy_is_waited_for_until_it_is_available_or_hopeless",
            "every_waiting_step_is_task_choice_and_wait",
        ],
    ),
    (
        "R4",
        "no retry, no time-out, hopeless statuses wait for a year",
        &[
            "every_task_has_comment_timeout_and_retriers",
            "waiting_ends_at_the_deadline_by_name",
            "a_stage_ends_at_its_deadline_exactly",
        ],
    ),
    (
        "R5",
        "the old snapshot goes before the new one exists",
        &["nothing_is_deleted_before_what_replaces_it_is_made"],
    ),
    (
        "R6",
        "the re-encrypted copy goes first, so every copy is full",
        &[
            "the_source_deletes_only_past_count_and_age",
            "a_snapshot_is_copied_unless_its_key_is_declared_and_can_be_shared",
        ],
    ),
    (
        "R7",
        "constant names: one database an account, overlapping runs collide",
        &[
            "every_name_is_within_63_characters_and_reads_back",
            "a_tick_delivered_twice_makes_one_run_and_executions_make_their_own",
        ],
    ),
    (
        "R8",
        "the Region is written into the code",
        &["no_partition_region_or_account_is_written_into_what_is_deployed"],
    ),
    ("R9", "ARNs are cut at a fixed column", &["snapshot_arns_of_every_partition_read_back"]),
    (
        "R10",
        "everything with one tag is deleted, the live database too",
        &[
            "what_others_made_is_invisible",
            "the_live_copy_is_kept_though_it_is_the_oldest_and_nothing_else_is_asked_for",
            "a_thing_is_ours_only_when_tags_and_name_agree",
        ],
    ),
    (
        "R11",
        "digits are cut out of names, so old copies are never found",
        &["every_name_is_within_63_characters_and_reads_back"],
    ),
    (
        "R12",
        "a failed run leaves its remains for ever",
        &["the_target_keeps_live_grace_latest_and_tagged_and_deletes_the_rest"],
    ),
    (
        "R13",
        "the copy loses the source's settings",
        &[
            "the_target_wins_and_the_source_fills_in",
            "what_a_restore_does_not_take_is_modified_once_and_only_where_it_differs",
        ],
    ),
    (
        "R14",
        "the secret has no credentials, and production's password works in the copy",
        &["the_sources_password_opens_no_copy_and_other_keys_of_the_secret_stay"],
    ),
    ("R17", "a binary secret crashes the update", &["failures_of_the_target_account_have_names"]),
    (
        "R18",
        "a message delivered twice restores twice, a lost one is lost",
        &[
            "a_duplicate_hand_off_starts_nothing",
            "a_hand_off_that_is_forged_or_broken_is_reported_and_starts_nothing",
        ],
    ),
    (
        "R19",
        "topic and subscription are wired by hand",
        &["every_row_as_of_the_snapshot_arrives_and_the_applications_secret_leads_to_it"],
    ),
    (
        "R20",
        "every role may do everything",
        &[
            "every_resource_star_of_a_role_has_a_comment",
            "every_function_has_the_same_runtime_and_a_role_and_a_log_group_of_its_own",
        ],
    ),
    (
        "R21",
        "the runtime is no longer patched",
        &["every_function_has_the_same_runtime_and_a_role_and_a_log_group_of_its_own"],
    ),
    (
        "R22",
        "clusters are promised and fail at the first step",
        &[
            "a_source_that_can_be_snapshotted_is_and_a_busy_one_is_waited_for",
            "failures_of_the_source_account_have_names",
        ],
    ),
];

/// What breaks on real AWS and shows on no emulator, as far as these steps touch it.
const PRODUCTION: &[Row] = &[
    (
        "P0-1",
        "a Catch that leads to Fail can never be redriven",
        &[
            "a_failure_at_each_state_is_reported_and_cleaned_up_and_the_run_resumes",
            "every_task_has_comment_timeout_and_retriers",
        ],
    ),
    (
        "P0-2",
        "pruning only after success fills the quotas",
        &["a_failed_snapshot_is_reported_to_the_operations_topic", "the_input_says_what_to_prune"],
    ),
    (
        "P0-3",
        "users' own snapshots and restores inherit the tags",
        &["what_others_made_is_invisible", "a_thing_is_ours_only_when_tags_and_name_agree"],
    ),
    (
        "P0-4",
        "promotion reverts other edits of the secret",
        &[
            "only_the_connection_keys_change",
            "the_sources_password_opens_no_copy_and_other_keys_of_the_secret_stay",
        ],
    ),
    ("P0-5", "a pending rotation undoes the cut-over", &["a_copy_goes_live_unless_something_forbids_it"]),
    ("P0-6", "the first version of a secret is live at once", &["failures_of_the_target_account_have_names"]),
    (
        "P0-7",
        "an execution's input shares any database with any account",
        &[
            "only_our_snapshots_are_shared_and_only_with_allowed_accounts",
            "failures_of_the_source_account_have_names",
        ],
    ),
    (
        "P0-8",
        "one source hands off in another's name",
        &[
            "topic_snapshot_and_handoff_must_agree",
            "the_targets_settings_name_the_one_source",
            "a_hand_off_that_is_forged_or_broken_is_reported_and_starts_nothing",
        ],
    ),
    (
        "P0-9",
        "the source's password works in the copy",
        &[
            "quarantine_comes_before_the_applications_groups",
            "the_sources_password_opens_no_copy_and_other_keys_of_the_secret_stay",
            "a_copy_that_fails_an_assertion_is_kept_but_not_live_and_goes_live_once_it_holds",
            "other_logins_of_postgresql_get_passwords_of_their_own_and_keep_them",
            "other_logins_of_mariadb_are_locked_or_get_passwords_of_their_own",
        ],
    ),
    (
        "P1-10",
        "the source cannot see whether the target may use a key",
        &[
            "a_snapshot_is_copied_unless_its_key_is_declared_and_can_be_shared",
            "a_key_that_the_target_may_not_use_fails_in_the_source_account",
        ],
    ),
    (
        "P1-11",
        "a key policy that breaks the steps' own DescribeKey",
        &["every_row_as_of_the_snapshot_arrives_and_the_applications_secret_leads_to_it"],
    ),
    (
        "P1-12",
        "waiting exhausts the event history",
        &["seven_days_stay_under_1500_looks_whatever_the_estimate"],
    ),
    (
        "P1-13",
        "the source deletes what the target still copies",
        &["the_source_deletes_only_past_count_and_age", "failures_of_the_target_account_have_names"],
    ),
    (
        "P1-14",
        "the password step cannot know that it acted",
        &[
            "a_password_counts_once_tagged_applied_and_seen_twice",
            "what_may_pass_is_waited_for_but_not_for_ever",
        ],
    ),
    (
        "P1-16",
        "deletion protection makes failures undeletable",
        &["a_protected_or_stopped_instance_goes_across_looks"],
    ),
    (
        "P1-17",
        "the outgoing copy is deleted minutes after the cut-over",
        &["the_target_keeps_live_grace_latest_and_tagged_and_deletes_the_rest"],
    ),
    (
        "P1-20",
        "a lost hand-off looks like success",
        &["a_hand_off_that_is_forged_or_broken_is_reported_and_starts_nothing"],
    ),
    (
        "P1-21",
        "the scheduler delivers twice",
        &["a_tick_delivered_twice_makes_one_run_and_executions_make_their_own"],
    ),
    ("P1-22", "names outgrow 63 characters", &["every_name_is_within_63_characters_and_reads_back"]),
    (
        "P1-23",
        "a name that exists hides a run that failed",
        &["a_known_run_is_a_duplicate_unless_it_failed_or_differs"],
    ),
    (
        "P2-24",
        "a function in a VPC sleeps, and its first call fails",
        &["the_verification_is_called_again_while_its_network_interface_wakes_up"],
    ),
];

#[test]
fn every_known_defect_has_tests_that_hold_it_off() {
    check("defects of the reference system", REFERENCE);
    check("findings of the production review", PRODUCTION);
}
