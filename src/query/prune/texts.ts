import type { Typed } from '../analyze/plan.ts'

/** The texts a column may be; undefined = any. */
export type Texts = readonly string[] | undefined

/**
 * The texts of a column for which a condition can be true, at most: whatever is not understood can be true of any. Each form
 * understood is NULL when the column is, so that it also holds above an outer join.
 */
export function textsOf(condition: Typed, isColumn: (typed: Typed) => boolean): Texts {
  switch (condition.kind) {
    case 'and':
      return condition.terms.map((term) => textsOf(term, isColumn)).reduce(bothTexts)
    case 'or':
      return condition.terms.map((term) => textsOf(term, isColumn)).reduce(eitherTexts)
    case 'constant':
      return condition.value === true ? undefined : []
    case 'comparison':
      if (condition.operator !== '=') return undefined
      if (isColumn(condition.left)) return constants([condition.right])
      return isColumn(condition.right) ? constants([condition.left]) : undefined
    case 'like':
      return isColumn(condition.value) ? likeText(condition.pattern, condition.escape) : undefined
    case 'in':
      return isColumn(condition.value) ? constants(condition.items) : undefined
    default:
      return undefined
  }
}

export function bothTexts(left: Texts, right: Texts): Texts {
  if (left === undefined || right === undefined) return left ?? right
  const wanted = new Set(right)
  return left.filter((text) => wanted.has(text))
}

export function eitherTexts(left: Texts, right: Texts): Texts {
  return left === undefined || right === undefined ? undefined : [...new Set([...left, ...right])]
}

/** NULL equals nothing; `char(n)` compares without its blanks, so only varchar is taken. */
function constants(items: readonly Typed[]): Texts {
  const texts: string[] = []
  for (const item of items) {
    if (item.kind !== 'constant') return undefined
    if (item.value === null) continue
    if (item.type.kind !== 'varchar' || typeof item.value !== 'string') return undefined
    texts.push(item.value)
  }
  return texts
}

/** A pattern without wildcards is a text: how JDBC drivers name one table. */
function likeText(pattern: Typed, marker: Typed | undefined): Texts {
  if (pattern.kind !== 'constant' || pattern.type.kind !== 'varchar' || typeof pattern.value !== 'string')
    return undefined
  if (marker !== undefined && (marker.kind !== 'constant' || typeof marker.value !== 'string'))
    return undefined
  const escapes = marker === undefined ? undefined : String(marker.value)
  let text = ''
  for (let i = 0; i < pattern.value.length; i += 1) {
    const character = pattern.value[i]!
    if (character === escapes) text += pattern.value[++i] ?? ''
    else if (character === '%' || character === '_') return undefined
    else text += character
  }
  return [text]
}
