/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  approx_set: 'A HyperLogLog of the values, in the bytes that Presto stores.',
  empty_approx_set: 'A HyperLogLog of no values.',
  hash_counts: 'The hashes that a set digest keeps, each with its count.',
  intersection_cardinality: 'How many values two set digests have in common, about.',
  jaccard_index: 'How alike the sets of two digests are, from 0 to 1, about.',
  make_set_digest: 'A digest of the values by which sets are compared.',
  merge: 'One sketch of what went into all of them: HyperLogLog, q-digest or t-digest.',
  merge_set_digest: 'One set digest of what went into all of them.',
  qdigest_agg: 'A q-digest of the values, each with its weight, to the accuracy given (1 % unless it is).',
  quantile_at_value: 'The share of the values of a q-digest that lie below one, NULL outside of them.',
  tdigest_agg: 'A t-digest of the values, each with its weight.',
  value_at_quantile: 'The value of a q-digest or t-digest that so large a share of all does not exceed.',
  values_at_quantiles: 'The same for each of several shares, ascending.',
}
