/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  all_match:
    'Whether a condition holds for every element; true for an empty array, NULL when a NULL leaves it open.',
  any_match:
    'Whether a condition holds for some element; false for an empty array, NULL when a NULL leaves it open.',
  array_distinct: 'The elements without repetitions.',
  array_except: 'The elements of the first array that are not in the second, without repetitions.',
  array_histogram: 'How often each element occurs, NULL left out.',
  array_intersect: 'The elements that are in both arrays, without repetitions.',
  array_join:
    'The elements as texts with a delimiter between them; NULL is left out or shown as the third argument.',
  array_max: 'The largest element, NULL when one is NULL.',
  array_min: 'The smallest element, NULL when one is NULL.',
  array_position: 'The position, from 1, of the first element that equals a value; 0 when none does.',
  array_remove: 'The elements that do not equal a value.',
  array_sort:
    'The elements in ascending order, NULL last, or as a comparator orders them that answers -1, 0 or 1.',
  array_union: 'The elements that are in either array, without repetitions.',
  arrays_overlap: 'Whether the arrays have an element in common, NULL when only a NULL leaves it open.',
  cardinality: 'The number of elements of an array or entries of a map.',
  combinations: 'All choices of so many elements, at most five, as arrays.',
  contains: 'Whether an element equals the value, NULL when a NULL leaves it open.',
  contains_sequence: 'Whether the second array stands within the first, element after element.',
  element_at:
    'The element at a position, from the end when negative, or the value of a key; NULL when there is none.',
  filter: 'The elements for which a condition holds.',
  flatten: 'The elements of arrays within an array, as one array.',
  ngrams: 'All runs of n elements, or the whole array when it is shorter.',
  none_match:
    'Whether a condition holds for no element; true for an empty array, NULL when a NULL leaves it open.',
  reduce:
    'A value made by taking the elements one after the other into a state, and the state through a last function.',
  repeat: 'An array of so many times the same element.',
  sequence: 'The numbers, days or times from start to stop by steps, at most 10,000.',
  shuffle: 'The elements in random order.',
  slice: 'So many elements from a position on, which counts from the end when negative.',
  transform: 'What a function makes of each element.',
  trim_array: 'The array without so many elements at its end.',
  zip: 'Rows of the elements at equal positions, NULL where an array is shorter.',
  zip_with: 'What a function makes of the elements at equal positions, NULL where an array is shorter.',
}
