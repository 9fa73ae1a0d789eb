/**
 * The elements of a JSON array as they are written, each its own text: numbers keep every digit, which JSON.parse
 * would not do beyond 2^53, and nested values need no second writing.
 */
export function elementsOf(array: string): string[] {
  const elements: string[] = []
  let start = -1
  let depth = 0
  for (let at = 0; at < array.length; at++) {
    const code = array.charCodeAt(at)
    if (code === 0x22) {
      at = endOfString(array, at)
    } else if (code === 0x5b || code === 0x7b) {
      if (++depth === 1) start = at + 1
    } else if (code === 0x5d || code === 0x7d) {
      if (--depth === 0) {
        const last = array.slice(start, at).trim()
        if (last !== '' || elements.length > 0) elements.push(last)
        return elements
      }
    } else if (code === 0x2c && depth === 1) {
      elements.push(array.slice(start, at).trim())
      start = at + 1
    }
  }
  throw new SyntaxError('a JSON array ends too early')
}

/** The place of the quote that ends the string beginning here. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at >= 0; at = text.indexOf('"', at + 1)) {
    let backslashes = 0
    while (text.charCodeAt(at - 1 - backslashes) === 0x5c) backslashes++
    if (backslashes % 2 === 0) return at
  }
  throw new SyntaxError('a JSON text ends too early')
}

/** A value as people and csv have it: strings without their quotes, everything else as JSON writes it; null is null. */
export function plainText(element: string): string | null {
  if (element === 'null') return null
  return element.startsWith('"') ? (JSON.parse(element) as string) : element
}
