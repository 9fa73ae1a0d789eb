/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  format: 'Text with values put into a format string of Java.',
  format_number: 'A number in at most three digits and a unit: K, M, B, T, Q.',
  parse_data_size: 'The bytes of a size such as 2.3MB; units are powers of 1024.',
  parse_presto_data_size: 'The bytes of a size such as 2.3MB; the older name of parse_data_size.',
}
