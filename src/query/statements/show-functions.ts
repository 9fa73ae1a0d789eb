import type { CompiledQuery } from '../compiled.ts'
import { constantQuery } from '../constant-query.ts'
import { functionList } from '../functions/function-list.ts'
import type { StatementOf } from '../parse/ast.ts'
import type { PrestoType } from '../presto-type.ts'
import { likeTest } from './show-like.ts'

const VARCHAR: PrestoType = { kind: 'varchar' }
/** Answers that differ from call to call. */
const NOT_DETERMINISTIC = new Set(['random', 'rand', 'uuid', 'shuffle', 'now', 'current_timezone'])

export function showFunctions({ like, at }: StatementOf<'show-functions'>): CompiledQuery {
  const matches = likeTest(like, at)
  const rows = functionList()
    .filter(({ name }) => matches(name))
    .flatMap(({ name, kind, signatures, results, help }) =>
      signatures.map((signature, i) => {
        const args = signature.slice(signature.indexOf('(') + 1, signature.lastIndexOf(')'))
        return [name, results[i]!, args, kind, !NOT_DETERMINISTIC.has(name), help ?? '']
      }),
    )
    .sort((a, b) => compare(String(a[0]), String(b[0])) || compare(String(a[2]), String(b[2])))
  return constantQuery(
    [
      { name: 'Function', type: VARCHAR },
      { name: 'Return Type', type: VARCHAR },
      { name: 'Argument Types', type: VARCHAR },
      { name: 'Function Type', type: VARCHAR },
      { name: 'Deterministic', type: { kind: 'boolean' } },
      { name: 'Description', type: VARCHAR },
    ],
    rows,
  )
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)
