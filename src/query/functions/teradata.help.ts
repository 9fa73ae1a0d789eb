/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  char2hexint: 'The hexadecimal digits of a text in UTF-16.',
  index: 'The position of a part in a text, 0 where it does not occur; the Teradata name of strpos.',
  to_char: 'A moment as text by a format of yyyy, mm, dd, hh24, mi, ss and punctuation.',
  to_date: 'The date that a text says by a format such as yyyy/mm/dd.',
  to_timestamp: 'The moment that a text says by a format such as yyyy-mm-dd hh24:mi:ss.',
}
