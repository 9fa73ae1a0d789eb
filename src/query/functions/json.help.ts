/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  is_json_scalar: 'Whether a JSON value is a number, a text, a truth value or null.',
  json_array_contains: 'Whether a JSON array has an element of that value.',
  json_array_get: 'An element of a JSON array, counted from 0, or from the end when negative.',
  json_array_length: 'The number of elements of a JSON array.',
  json_extract: 'The JSON value at a path such as $.a[0].',
  json_extract_scalar: 'The scalar at a path such as $.a[0] as text; NULL for arrays and objects.',
  json_format: 'The text of a JSON value.',
  json_parse: 'The JSON value of a text, the members of its objects in order.',
  json_size: 'How many members or elements the JSON value at a path has; 0 for a scalar.',
}
