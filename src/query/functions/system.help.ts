/** What each function is for, in a sentence for the reference page. */
export const help: Record<string, string> = {
  current_groups: 'The groups of the user: none, Millrace has users only.',
  uuid: 'A random UUID.',
  version: 'The release of Trino whose dialect this is.',
}
