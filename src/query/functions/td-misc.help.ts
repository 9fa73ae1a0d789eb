/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  td_array_index: 'The element at a position counted from 0, NULL outside of the array.',
  td_avgif: 'Average of the values for which the condition is true.',
  td_divide: 'One number divided by another, 0 when that is 0.',
  td_first: 'The first argument on the row where the others, compared one after the other, are smallest.',
  td_last: 'The first argument on the row where the others, compared one after the other, are largest.',
  td_md5: 'MD5 of a text in UTF-8, as lower-case hex.',
  td_sessionize:
    'TD_SESSIONIZE_WINDOW with its window as an argument: sessions of equal third arguments, ordered by the first.',
  td_sessionize_window:
    'A text equal for all rows of a session: a new one begins after a gap longer than the timeout.',
  td_sha1: 'SHA-1 of a text in UTF-8, as lower-case hex.',
  td_substr_inencoding: 'The longest beginning of a text that takes at most so many bytes in an encoding.',
  td_substring_inencoding: 'Another name of td_substr_inencoding.',
  td_sumif: 'Sum of the values for which the condition is true.',
  td_url_decode:
    'A text that was form-encoded, in UTF-8 or the encoding named; what is no escape is left as it is.',
  td_url_encode: 'A text form-encoded, in UTF-8 or the encoding named.',
}
