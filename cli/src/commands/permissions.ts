import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { failure, usageError } from '../errors.ts'
import { DATABASE, formatOf, listFormat } from './common.ts'
import { findUser, roleOf } from './users.ts'

/** What a user may do with a database, and the vendor's word for it (rest-api reference §5.13). */
const OPERATIONS: Record<string, string> = {
  query_only: 'query',
  import_only: 'import',
  full_access: 'edit',
  administrator: 'manage',
}
const PERMISSIONS = Object.keys(OPERATIONS)
const permissionOf = (operation: string) =>
  PERMISSIONS.find((permission) => OPERATIONS[permission] === operation) ?? operation

const USER = { name: 'USER', help: 'the name or e-mail address of a user', completes: 'user' } as const

export const permissionCommands = [
  command({
    name: 'acl:list',
    topic: 'account',
    summary: 'list who may do what with which database',
    arguments: [{ ...USER, optional: true }],
    options: listFormat,
    examples: [
      ['millrace acl:list', 'of all users'],
      ['millrace acl:list ann@example.com', 'of one'],
    ],
    async run(context, { words, options }) {
      const { api, print } = context
      const [users, databases, access] = await Promise.all([
        api().users.list(),
        api().databases.list(),
        api().users.access(),
      ])
      const names = new Map(databases.map(({ id, name }) => [id, name]))
      const wanted = words.USER === undefined ? undefined : await findUser(context, words.USER)
      const found = users
        .filter(({ id }) => wanted === undefined || id === wanted.id)
        .flatMap((user) => {
          if (roleOf(user) !== 'member')
            return [{ user: user.name, email: user.email, database: '*', permission: roleOf(user) }]
          const mine = access.find(({ user_id }) => user_id === user.id)?.permissions.Databases ?? []
          return mine.flatMap(({ operation, ids }) =>
            ids.map((id) => ({
              user: user.name,
              email: user.email,
              database: names.get(id) ?? `#${id}`,
              permission: permissionOf(operation),
            })),
          )
        })
      await print.list(
        {
          columns: [{ name: 'User' }, { name: 'Email' }, { name: 'Database' }, { name: 'Permission' }],
          rows: found.map(({ user, email, database, permission }) => [user, email, database, permission]),
          objects: found,
        },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'acl:grant',
    topic: 'account',
    summary: 'let a user do something with a database',
    about: [
      'query_only: query; import_only: import; full_access: both; administrator: also change and delete it. One permission for each user and database: a new one replaces the old.',
    ],
    arguments: [USER, DATABASE, { name: 'PERMISSION', help: PERMISSIONS.join(', '), completes: PERMISSIONS }],
    options: {},
    examples: [['millrace acl:grant ann@example.com shop query_only', 'may query it']],
    async run(context, { words }) {
      if (!PERMISSIONS.includes(words.PERMISSION))
        throw usageError(`there is no permission '${words.PERMISSION}': use ${PERMISSIONS.join(', ')}`)
      await change(context, words.USER, words.DATABASE, words.PERMISSION)
      await context.print.done(`User '${words.USER}' has ${words.PERMISSION} on '${words.DATABASE}'.`, {
        user: words.USER,
        database: words.DATABASE,
        permission: words.PERMISSION,
      })
    },
  }),
  command({
    name: 'acl:revoke',
    topic: 'account',
    summary: 'take the permission of a user for a database away',
    arguments: [USER, DATABASE],
    options: {},
    examples: [['millrace acl:revoke ann@example.com shop', 'may do nothing with it any more']],
    async run(context, { words }) {
      await change(context, words.USER, words.DATABASE, undefined)
      await context.print.done(`User '${words.USER}' has no permission on '${words.DATABASE}'.`, {
        user: words.USER,
        database: words.DATABASE,
        permission: null,
      })
    },
  }),
]

/** The protocol knows the whole list of a user only: what is there is read, one database changed, and all written. */
async function change(
  context: Context,
  userWord: string,
  database: string,
  permission: string | undefined,
): Promise<void> {
  const { api } = context
  const [user, { id }] = await Promise.all([findUser(context, userWord), api().databases.show(database)])
  if (id === undefined) throw failure('this server does not say the ids of databases')
  const { permissions } = await api().users.accessOf(user.id)
  const others = (permissions.Databases ?? [])
    .map(({ operation, ids }) => ({ operation, ids: ids.filter((other) => String(other) !== id) }))
    .filter(({ ids }) => ids.length > 0)
  const granted = permission === undefined ? [] : [{ operation: OPERATIONS[permission]!, ids: [id] }]
  await api().users.setAccess(user.id, [...others, ...granted], userWord)
}
