import { type Position, QueryError } from '../errors.ts'
import type { LikePattern } from '../parse/ast.ts'

/** SQL's LIKE on names; true of all without a pattern. */
export function likeTest(like: LikePattern | undefined, at: Position): (name: string) => boolean {
  if (like === undefined) return () => true
  const { pattern, escape: marker } = like
  if (marker !== undefined && [...marker].length !== 1)
    throw new QueryError('INVALID_FUNCTION_ARGUMENT', 'Escape string must be a single character', at)
  let expression = ''
  for (let i = 0; i < pattern.length; i += 1) {
    const character = pattern[i]!
    if (character === marker) expression += RegExp.escape(pattern[++i] ?? '')
    else
      expression +=
        character === '%' ? '[\\s\\S]*' : character === '_' ? '[\\s\\S]' : RegExp.escape(character)
  }
  const test = new RegExp(`^${expression}$`)
  return (name) => test.test(name)
}
