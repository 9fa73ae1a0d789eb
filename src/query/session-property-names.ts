/**
 * Session properties of Trino and Presto that statements and tools set, with their types and what they are otherwise, as `SHOW SESSION`
 * of Trino 435 tells them, and those of older and newer releases. None of them changes an answer, and here none changes a plan.
 */
export const NOTED_PROPERTIES = {
  boolean: `
    adaptive_partial_aggregation_enabled=true aggregation_spill_enabled=true allow_pushdown_into_connectors=true
    allow_unsecure_spooling=false collect_plan_statistics_for_all_queries=false colocated_join=true
    columnar_filter_evaluation_enabled=true columnar_processing=false columnar_processing_dictionary=false
    complex_expression_pushdown=true default_filter_factor_enabled=false determine_partition_count_for_write_enabled=false
    dictionary_aggregation=false dictionary_processing_joins_enabled=false distributed_index_join=false distributed_join=false
    distributed_sort=true dynamic_schedule_for_grouped_execution=false eliminate_cross_joins=true
    enable_coordinator_dynamic_filters_distribution=true enable_dynamic_filtering=true
    enable_forced_exchange_below_group_id=true enable_intermediate_aggregations=false enable_large_dynamic_filters=false
    enable_new_stats_calculator=true enable_stats_calculator=true exchange_checksum=false exchange_compression=false
    fast_inequality_join=true fast_inequality_joins=true force_single_node_output=true force_spilling_join=false
    group_by_uses_equal=false grouped_execution=false grouped_execution_for_aggregation=false hide_inaccessible_columns=false
    ignore_downstream_preferences=false ignore_stats_calculator_failures=false incremental_hash_array_load_factor_enabled=true
    iterative_optimizer=true iterative_optimizer_enabled=true join_spill_enabled=true
    legacy_array_agg=false legacy_join_using=false legacy_map_subscript=false legacy_materialized_view_grace_period=false
    legacy_order_by=false legacy_row_field_ordinal_access=false legacy_timestamp=true legacy_type_coercion_warning_enabled=false
    legacy_unnest_array_rows=false materialized_views_allow_fallback=false merge_project_with_values=true
    network_logical_planner=false new_mapping_format=true non_estimatable_predicate_approximation_enabled=true
    omit_datetime_type_precision=false optimize_distinct_aggregations=false optimize_duplicate_insensitive_joins=true
    optimize_full_outer_join_with_coalesce=true optimize_hash_generation=false optimize_joins_in_sequence=false
    optimize_metadata_queries=false optimize_mixed_distinct_aggregations=false optimize_nulls_in_join=false
    optimize_top_n_ranking=true optimize_top_n_row_number=true order_by_spill_enabled=true parse_decimal_literals_as_double=false
    plan_with_table_node_partitioning=true pre_aggregate_case_aggregations_enabled=true
    predicate_pushdown_use_table_properties=true prefer_merge_join=false prefer_partial_aggregation=true
    prefer_streaming_operators=false push_aggregation_through_join=true push_aggregation_through_outer_join=true
    push_partial_aggregation_through_join=false push_table_write_through_union=true pushdown_dereference_enabled=false
    pushdown_subfields_enabled=false redistribute_writes=true remote_task_adaptive_update_request_size_enabled=true
    reorder_joins=true resource_overcommit=false rewrite_filtering_semi_join_to_inner_join=true scale_writers=true
    simplify_plan_with_empty_input=true skip_redundant_sort=true spatial_join=true spill_enabled=false spill_order_by=true
    spill_window_operator=true spooling_enabled=true statistics_cpu_timer_enabled=true
    statistics_precalculation_for_pushdown_enabled=true task_intermediate_aggregation=false task_scale_writers_enabled=true
    task_share_index_loading=false track_history_based_plan_statistics=false unsafe_pushdown_allowed=true
    use_cost_based_partitioning=true use_exact_partitioning=false use_history_based_plan_statistics=false
    use_legacy_window_filter_pushdown=false use_mark_distinct=true use_new_stats_calculator=true
    use_preferred_write_partitioning=true use_table_scan_node_partitioning=true verbose_exception=false
    verbose_optimizer_info_enabled=false `,
  integer: `
    concurrent_lifespans_per_node=0 concurrent_lifespans_per_task=0 fault_tolerant_execution_max_partition_count=50
    fault_tolerant_execution_min_partition_count=4 fault_tolerant_execution_partition_count=50
    filter_and_project_min_output_page_row_count=256 hash_partition_count=100 initial_splits_per_node=4 max_drivers_per_task
    max_hash_partition_count=100 max_prefetched_information_schema_prefixes=100 max_reordered_joins=9
    max_tasks_waiting_for_execution_per_query=10 max_tasks_waiting_for_node_per_stage=5 max_unacknowledged_splits_per_task=2000
    max_writer_task_count=100 max_writer_tasks_count=100 min_hash_partition_count=4 min_hash_partition_count_for_write=50
    page_partitioning_buffer_pool_size=8 query_max_stage_count query_retry_attempts=4 remote_task_guaranteed_splits_per_request=3
    required_workers_count=1 task_aggregation_concurrency=1 task_concurrency=4     task_hash_build_concurrency=1 task_join_concurrency=1 task_max_writer_count=4 task_min_writer_count=2
    task_partitioned_writer_count=1 task_retry_attempts_per_task=4 task_scale_writers_max_writer_count=1 task_writer_count=1`,
  bigint: `
    join_partitioned_build_min_row_count=1000000 min_input_rows_per_task=10000000 query_max_output_positions`,
  double: `
    adaptive_partial_aggregation_unique_rows_ratio_threshold=0.8 filter_conjunction_independence_factor=0.75
    join_multi_clause_independence_factor=0.25 retry_delay_scale_factor=2.0
    table_scan_node_partitioning_min_bucket_to_task_ratio=0.5`,
  duration: `
    close_idle_writers_trigger_duration=5.00s iterative_optimizer_timeout=3.00m query_max_planning_time=10.00m
    required_workers_max_wait_time=5.00m retry_initial_delay=10.00s retry_max_delay=1.00m
    split_concurrency_adjustment_interval=100.00ms`,
  'data-size': `
    aggregation_operator_unspill_memory_limit=4MB filter_and_project_min_output_page_size=500kB
    idle_writer_min_data_size_threshold=256MB join_max_broadcast_table_size=100MB max_partial_top_n_memory=16MB
    min_input_size_per_task=5GB query_max_memory query_max_memory_per_node query_max_output_size query_max_scan_physical_bytes
    query_max_scan_raw_input_bytes query_max_total_memory query_max_total_memory_per_node query_max_write_physical_size
    remote_task_max_request_size=8MB remote_task_request_size_headroom=2MB writer_min_size=32MB
    writer_scaling_min_data_processed=120MB`,
  varchar: `
    execution_policy=phased spatial_join_partitioning spatial_partitioning_table_name
    temporary_storage_codec testing_session_time`,
} as const

/** Their standard value, and all they can have. */
export const NOTED_CHOICES: Readonly<Record<string, readonly [standard: string, choices: string]>> = {
  distinct_aggregations_strategy: [
    'AUTOMATIC',
    'SINGLE_STEP MARK_DISTINCT PRE_AGGREGATE SPLIT_TO_SUBQUERIES AUTOMATIC',
  ],
  exchange_materialization_strategy: ['NONE', 'NONE ALL'],
  join_distribution_type: ['AUTOMATIC', 'BROADCAST PARTITIONED AUTOMATIC'],
  join_reordering_strategy: ['AUTOMATIC', 'NONE ELIMINATE_CROSS_JOINS AUTOMATIC'],
  mark_distinct_strategy: ['AUTOMATIC', 'NONE ALWAYS AUTOMATIC'],
  partial_merge_pushdown_strategy: ['NONE', 'NONE PUSH_THROUGH_LOW_MEMORY_OPERATORS'],
  processing_optimization: ['disabled', 'disabled columnar columnar_dictionary'],
  redistribute_writes_type: ['RANDOM', 'PARTITIONED ROUND_ROBIN RANDOM'],
  retry_policy: ['NONE', 'NONE QUERY TASK'],
  warning_handling: ['NORMAL', 'SUPPRESS NORMAL AS_ERROR'],
}
