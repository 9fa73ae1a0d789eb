import { QueryError } from '../errors.ts'
import { type PrestoType, typeText } from '../presto-type.ts'
import { sameType } from './coercion.ts'
import type { Argument } from './types.ts'

/** A definition that fits a call, with the types its parameters would have in it; undefined is a lambda. */
export type Candidate<M> = {
  match: M
  parameters: (PrestoType | undefined)[]
  result: PrestoType
  /** Whether it would fit arguments of these types too. */
  takes(types: (PrestoType | undefined)[]): boolean
}

/** NULL, or a collection of which nothing more is known than that it holds NULLs or nothing. */
export function holdsUnknown(type: PrestoType): boolean {
  switch (type.kind) {
    case 'unknown':
      return true
    case 'array':
      return holdsUnknown(type.element)
    case 'map':
      return holdsUnknown(type.key) || holdsUnknown(type.value)
    case 'row':
      return type.fields.some((field) => holdsUnknown(field.type))
    default:
      return false
  }
}

/**
 * Which candidate a call with untyped NULLs means: the one that takes the arguments as they are, else one that is more specific than
 * all others, else one that changes nothing but NULLs, else any of several that all answer the same type.
 * Source: trinodb/trino core/trino-main/src/main/java/io/trino/metadata/FunctionBinder.java
 *
 * @throws QueryError AMBIGUOUS_FUNCTION_CALL
 */
export function chooseForUntyped<M>(candidates: Candidate<M>[], args: Argument[]): M {
  const given = args.map((arg) => ('lambda' in arg ? undefined : arg.type))
  const exact = candidates.find(({ parameters }) => parameters.every((type, i) => isSame(type, given[i])))
  if (exact !== undefined) return exact.match
  let left = mostSpecific(candidates)
  if (left.length > 1 && given.some((type) => type?.kind === 'unknown')) {
    const onlyNulls = candidates.filter(({ parameters }) =>
      parameters.every((type, i) => given[i]?.kind === 'unknown' || isSame(type, given[i])),
    )
    if (onlyNulls.length > 0) left = onlyNulls
    if (left.every(({ result }) => sameType(result, left[0]!.result))) left = left.slice(0, 1)
  }
  if (left.length > 1) throw ambiguous(left)
  return left[0]!.match
}

const isSame = (a: PrestoType | undefined, b: PrestoType | undefined): boolean =>
  a === undefined || b === undefined ? a === b : sameType(a, b)

/** Those that no other one is more specific than: whose parameters every kept one could take. */
function mostSpecific<M>(candidates: Candidate<M>[]): Candidate<M>[] {
  const kept: Candidate<M>[] = []
  for (const current of candidates) {
    const places = kept.map((one) => [isMoreSpecific(one, current), isMoreSpecific(current, one)] as const)
    if (places.some(([theirs, ours]) => theirs && !ours)) continue
    for (let i = kept.length - 1; i >= 0; i--) if (places[i]![1]) kept.splice(i, 1)
    kept.push(current)
  }
  return kept
}

const isMoreSpecific = <M>(one: Candidate<M>, other: Candidate<M>): boolean => other.takes(one.parameters)

function ambiguous<M>(candidates: Candidate<M>[]): QueryError {
  const lines = candidates.map(({ parameters, result }) => {
    const types = parameters.map((type) => (type === undefined ? '<function>' : typeText(type)))
    return `\t * (${types.join(',')}):${typeText(result)}\n`
  })
  return new QueryError(
    'AMBIGUOUS_FUNCTION_CALL',
    `Could not choose a best candidate operator. Explicit type casts must be added.\nCandidates are:\n${lines.join('')}`,
  )
}
