/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  map: 'The map with these keys and values; an empty one without arguments.',
  map_concat: 'The entries of all maps; of equal keys the last map wins.',
  map_entries: 'The entries as an array of rows.',
  map_filter: 'The entries for which a condition of key and value holds.',
  map_from_entries: 'The map of an array of rows of key and value.',
  map_keys: 'The keys as an array.',
  map_values: 'The values as an array.',
  map_zip_with: 'What a function makes of each key and its values in both maps, NULL where one has none.',
  multimap_from_entries:
    'The map of an array of rows of key and value, with all values of a key in an array.',
  transform_keys: 'The map with what a function makes of each key and value as keys.',
  transform_values: 'The map with what a function makes of each key and value as values.',
}
