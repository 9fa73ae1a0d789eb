/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  cume_dist: 'The share of the rows of the partition that come no later than this one.',
  dense_rank: 'The rank without gaps behind equal rows.',
  first_value: 'The value on the first row of the frame.',
  lag: 'The value so many rows before this one, 1 unless given, or a default.',
  last_value: 'The value on the last row of the frame.',
  lead: 'The value so many rows behind this one, 1 unless given, or a default.',
  nth_value: 'The value on the nth row of the frame.',
  ntile: 'The number of the bucket when the partition is cut into so many of equal size.',
  percent_rank: 'The rank from 0 to 1: rows that come before, by the others.',
  rank: 'One more than the number of rows that come before.',
  row_number: 'The number of the row in its partition, from 1.',
}
