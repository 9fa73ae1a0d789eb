/** Functions of Presto and of TD that this registry does not have, and why; the reference page lists them. */
export const notOffered: readonly { name: string; reason: string }[] = [
  ...because(
    'machine learning',
    'classify features learn_classifier learn_libsvm_classifier learn_libsvm_regressor learn_regressor regress evaluate_classifier_predictions',
  ),
  ...because(
    'the engine has no geometry',
    'st_point st_distance st_contains st_geometryfromtext st_astext st_area st_intersects great_circle_distance to_spherical_geography bing_tile bing_tile_at geometry_union',
  ),
  ...because(
    'not in Presto of this age',
    'set_agg set_union bitwise_xor_agg map_union_sum destructure_tdigest trimmed_mean regr_avgx regr_avgy regr_count regr_r2 regr_sxx regr_sxy regr_syy',
  ),
  ...because('Hive only', 'td_x_rank td_numeric_range td_pivot td_unpivot'),
  ...because('its algorithm is not public', 'smart_digest'),
]

function because(reason: string, names: string): { name: string; reason: string }[] {
  return names.split(' ').map((name) => ({ name, reason }))
}
