/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  regexp_count: 'How often a pattern matches.',
  regexp_extract: 'What a pattern, or a group of it, matches first; NULL where it does not.',
  regexp_extract_all: 'Everything that a pattern, or a group of it, matches.',
  regexp_like: 'Whether a pattern matches anywhere in a text.',
  regexp_position:
    'Where a pattern matches first, or for the nth time, from a position on; -1 where it does not.',
  regexp_replace:
    'The text with each match removed, replaced by a text in which $1 is a group, or by what a function makes of its groups.',
  regexp_split: 'The parts of a text between matches of a pattern.',
}
