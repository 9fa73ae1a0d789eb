/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  greatest: 'The greatest of the values; NULL when one is NULL.',
  least: 'The least of the values; NULL when one is NULL.',
}
