/** Functions of Presto and of TD that this registry does not have, and why; the reference page lists them. */
export const notOffered: readonly { name: string; reason: string }[] = [
  ...because(
    'machine learning',
    'classify features learn_classifier learn_libsvm_classifier learn_libsvm_regressor learn_regressor regress evaluate_classifier_predictions',
  ),
  ...because(
    'the engine has no geometry',
    'bing_tile bing_tile_at bing_tile_coordinates bing_tile_polygon bing_tile_quadkey bing_tile_zoom_level bing_tiles_around convex_hull_agg from_encoded_polyline from_geojson_geometry geometry_from_hadoop_shape geometry_invalid_reason geometry_nearest_points geometry_to_bing_tiles geometry_union geometry_union_agg great_circle_distance line_interpolate_point line_interpolate_points line_locate_point simplify_geometry st_area st_asbinary st_astext st_boundary st_buffer st_centroid st_contains st_convexhull st_coorddim st_crosses st_difference st_dimension st_disjoint st_distance st_endpoint st_envelope st_envelopeaspts st_equals st_exteriorring st_geometries st_geometryfromtext st_geometryn st_geometrytype st_geomfrombinary st_interiorringn st_interiorrings st_intersection st_intersects st_isclosed st_isempty st_isring st_issimple st_isvalid st_length st_linefromtext st_linestring st_multipoint st_numgeometries st_numinteriorring st_numpoints st_overlaps st_point st_pointn st_points st_polygon st_relate st_startpoint st_symdifference st_touches st_union st_within st_x st_xmax st_xmin st_y st_ymax st_ymin to_encoded_polyline to_geojson_geometry to_geometry to_spherical_geography',
  ),
  ...because(
    'not in Presto of this age',
    'set_agg set_union bitwise_xor_agg map_union_sum destructure_tdigest trimmed_mean regr_avgx regr_avgy regr_count regr_r2 regr_sxx regr_sxy regr_syy',
  ),
  ...because('MATCH_RECOGNIZE is not offered', 'classifier match_number prev next first last'),
  ...because('table functions are not offered', 'exclude_columns'),
  ...because('Hive only', 'td_x_rank td_numeric_range td_pivot td_unpivot'),
  ...because('its algorithm is not public', 'smart_digest'),
]

function because(reason: string, names: string): { name: string; reason: string }[] {
  return names.split(' ').map((name) => ({ name, reason }))
}
