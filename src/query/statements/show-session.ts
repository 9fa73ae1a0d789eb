import type { CompiledQuery, StatementRequest } from '../compiled.ts'
import { constantQuery } from '../constant-query.ts'
import type { StatementOf } from '../parse/ast.ts'
import { SESSION_PROPERTIES, typeOfProperty } from '../session-properties.ts'
import { likeTest } from './show-like.ts'

/** Every property, with what this session has set. */
export function showSession(
  { like, at }: StatementOf<'show-session'>,
  { properties }: StatementRequest,
): CompiledQuery {
  const matches = likeTest(like, at)
  const rows = [...SESSION_PROPERTIES.values()]
    .filter(({ name }) => matches(name))
    .map((property) => {
      const { name, standard, about } = property
      return [name, properties.get(name) ?? standard, standard, typeOfProperty(property), about]
    })
  const titles = ['Name', 'Value', 'Default', 'Type', 'Description']
  return constantQuery(
    titles.map((title) => ({ name: title, type: { kind: 'varchar' } })),
    rows,
  )
}
