/** ` (did you mean 'x'?)` for the nearest of the known words, or nothing when none is near. */
export function suggestion(word: string, known: Iterable<string>, prefix = ''): string {
  let best: { name: string; far: number } | undefined
  for (const name of known) {
    const far = distance(word, name)
    if (best === undefined || far < best.far) best = { name, far }
  }
  const most = Math.max(2, word.length / 3)
  return best !== undefined && best.far <= most && best.far < word.length
    ? ` (did you mean '${prefix}${best.name}'?)`
    : ''
}

/** Levenshtein distance. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1))
    }
    row = next
  }
  return row[b.length]!
}
