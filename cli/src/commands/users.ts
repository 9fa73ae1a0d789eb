import { randomBytes } from 'node:crypto'
import type { User } from '../api/index.ts'
import { command } from '../command.ts'
import type { Context } from '../context.ts'
import { CliError, failure, usageError } from '../errors.ts'
import { localTime } from '../output/times.ts'
import { force, formatOf, listFormat } from './common.ts'

const USER = { name: 'USER', help: 'the name or e-mail address of a user', completes: 'user' } as const
const KEY_KINDS = ['master', 'write', 'write-only'] as const
const KEY_OPTIONS = {
  kind: { kind: 'text', placeholder: 'KIND', choices: KEY_KINDS, help: 'what it may do (master)' },
  name: { kind: 'text', placeholder: 'NAME', help: 'what it is for' },
} as const

export const roleOf = ({ administrator, account_owner }: User) =>
  account_owner ? 'owner' : administrator ? 'administrator' : 'member'

/** The user of that name or address. @throws failed (1) */
export async function findUser({ api }: Context, word: string): Promise<User> {
  const found = (await api().users.list()).find(({ name, email }) => name === word || email === word)
  if (found === undefined) throw failure(`User '${word}' does not exist`, `'millrace user:list' lists them.`)
  return found
}

/** Twice, so that a slip is noticed; through a pipe once. @throws usage (2) */
async function newPassword({ ask, terminal }: Context): Promise<string> {
  const password = await ask('New password: ', { hidden: true })
  if (terminal.stdin.isTTY === true && (await ask('Once more: ', { hidden: true })) !== password)
    throw usageError('the two passwords differ; nothing was changed')
  if (password === '') throw usageError('the password is empty; nothing was changed')
  return password
}

export const userCommands = [
  command({
    name: 'user:list',
    aliases: ['users', 'user'],
    topic: 'account',
    summary: 'list the users of the account',
    arguments: [],
    options: listFormat,
    examples: [['millrace user:list', 'names and addresses']],
    async run({ api, print }, { options }) {
      const users = await api().users.list()
      const rows = users.map((user) => [user.name, user.email, roleOf(user)])
      await print.list(
        { columns: [{ name: 'Name' }, { name: 'Email' }, { name: 'Role' }], rows, objects: users },
        formatOf(options),
      )
    },
  }),
  command({
    name: 'user:show',
    topic: 'account',
    summary: 'show one of them',
    arguments: [USER],
    options: {},
    examples: [['millrace user:show ann@example.com', 'name, address and role']],
    async run(context, { words }) {
      const user = await findUser(context, words.USER)
      await context.print.block(
        [
          ['Name', user.name],
          ['Email', user.email],
          ['Role', roleOf(user)],
          ['Created', localTime(user.created_at)],
        ],
        user,
      )
    },
  }),
  command({
    name: 'user:create',
    topic: 'account',
    summary: 'create a user, with a password and a key',
    arguments: [{ name: 'NAME', help: 'the name of a person' }],
    options: {
      email: {
        kind: 'text',
        short: 'e',
        placeholder: 'ADDRESS',
        help: 'the e-mail address, with which one signs in',
      },
      'random-password': { kind: 'switch', short: 'R', help: 'make a password and print it' },
    },
    examples: [
      ["millrace user:create 'Ann Example' -e ann@example.com", 'asks for a password'],
      ["millrace user:create 'Ann Example' -e ann@example.com -R", 'makes one'],
    ],
    async run(context, { words: { NAME: name }, options }) {
      const { api, print } = context
      if (options.email === undefined) throw usageError('--email is missing')
      const made = options['random-password'] ? randomBytes(15).toString('base64url') : undefined
      await api().users.add(name, options.email, made ?? (await newPassword(context)))
      // Said at once: should the key fail, the password must not be lost with it.
      if (!print.isJson) {
        print.note(`User '${name}' is created.`)
        if (made !== undefined) await print.write(`Password: ${made}\n`)
      }
      const apikey = await api()
        .users.addKey(options.email, { name: 'user:create' })
        .catch((error: unknown) => {
          if (error instanceof CliError && print.isJson)
            Object.assign(error.details, { created: true, password: made })
          throw error
        })
      await print.line(`API key: ${apikey}`, {
        name,
        email: options.email,
        created: true,
        password: made,
        apikey,
      })
    },
  }),
  command({
    name: 'user:delete',
    topic: 'account',
    summary: 'delete a user with the keys',
    arguments: [USER],
    options: force('do not ask'),
    examples: [['millrace user:delete ann@example.com', 'asks first; databases and tables stay']],
    async run({ api, print, confirm }, { words: { USER: user }, options }) {
      if (!options.force && !(await confirm(`Delete user '${user}' with all keys?`)))
        throw failure('not deleted')
      await api().users.remove(user)
      await print.done(`User '${user}' is deleted.`, { user, deleted: true })
    },
  }),
  command({
    name: 'user:email:change',
    topic: 'account',
    summary: 'change the e-mail address of a user',
    arguments: [USER, { name: 'ADDRESS', help: 'the new one' }],
    options: {},
    examples: [
      ["millrace user:email:change 'Ann Example' ann@new.example.com", 'signs in with it from now on'],
    ],
    async run({ api, print }, { words: { USER: user, ADDRESS: email } }) {
      await api().users.changeEmail(user, email)
      await print.done(`The address of '${user}' is ${email} now.`, { user, email })
    },
  }),
  command({
    name: 'user:admin:add',
    topic: 'account',
    summary: 'make a user an administrator',
    arguments: [USER],
    options: {},
    examples: [['millrace user:admin:add ann@example.com', 'may manage users and every database']],
    async run({ api, print }, { words: { USER: user } }) {
      await api().users.setAdministrator(user, true)
      await print.done(`User '${user}' is an administrator now.`, { user, administrator: true })
    },
  }),
  command({
    name: 'user:admin:remove',
    topic: 'account',
    summary: 'make an administrator a member again',
    arguments: [USER],
    options: {},
    examples: [['millrace user:admin:remove ann@example.com', "may do what 'millrace acl:list' says"]],
    async run({ api, print }, { words: { USER: user } }) {
      await api().users.setAdministrator(user, false)
      await print.done(`User '${user}' is a member now.`, { user, administrator: false })
    },
  }),
  command({
    name: 'user:password:change',
    topic: 'account',
    summary: 'set the password of a user',
    about: ['Asks for it; through a pipe it is the first line.'],
    arguments: [USER],
    options: {},
    examples: [['millrace user:password:change ann@example.com', 'for an administrator']],
    async run(context, { words: { USER: user } }) {
      await context.api().users.changePassword(user, await newPassword(context))
      await context.print.done(`The password of '${user}' is changed.`, { user, changed: true })
    },
  }),
  command({
    name: 'password:change',
    topic: 'account',
    summary: 'change your own password',
    arguments: [],
    options: {},
    examples: [['millrace password:change', 'asks for the old and the new one']],
    async run(context) {
      const old = await context.ask('Old password: ', { hidden: true })
      await context.api().users.changeOwnPassword(old, await newPassword(context))
      await context.print.done('Password is changed.', { changed: true })
    },
  }),
  command({
    name: 'user:apikey:list',
    aliases: ['user:apikeys', 'user:apikey'],
    topic: 'account',
    summary: 'list the keys of a user',
    about: ['A Millrace keeps only a fingerprint of each key and shows how it begins, and its number.'],
    arguments: [USER],
    options: listFormat,
    examples: [['millrace user:apikey:list ann@example.com', 'how they begin']],
    run: (context, { words, options }) => listKeys(context, words.USER, options),
  }),
  command({
    name: 'user:apikey:add',
    topic: 'account',
    summary: 'make a key for a user, shown once',
    arguments: [USER],
    options: KEY_OPTIONS,
    examples: [
      [
        'millrace user:apikey:add ann@example.com --kind write-only --name fluentd',
        'one that may only import',
      ],
    ],
    run: (context, { words, options }) => addKey(context, words.USER, options),
  }),
  command({
    name: 'user:apikey:remove',
    topic: 'account',
    summary: 'make a key of a user worthless',
    arguments: [USER, { name: 'KEY', help: 'the key, how it begins, or its number' }],
    options: {},
    examples: [
      ["millrace user:apikey:remove ann@example.com '1/0123abcd...#7'", 'as user:apikey:list shows it'],
    ],
    run: (context, { words }) => removeKey(context, words.USER, words.KEY),
  }),
  command({
    name: 'apikey:list',
    topic: 'account',
    summary: 'list your own keys',
    arguments: [],
    options: listFormat,
    examples: [['millrace apikey:list', 'how they begin']],
    run: async (context, { options }) => listKeys(context, (await context.api().users.self()).email, options),
  }),
  command({
    name: 'apikey:add',
    topic: 'account',
    summary: 'make another key of your own, shown once',
    arguments: [],
    options: KEY_OPTIONS,
    examples: [['millrace apikey:add --kind write-only --name fluentd', 'one that may only import']],
    run: async (context, { options }) => addKey(context, (await context.api().users.self()).email, options),
  }),
  command({
    name: 'apikey:remove',
    topic: 'account',
    summary: 'make a key of your own worthless',
    arguments: [{ name: 'KEY', help: 'the key, how it begins, or its number' }],
    options: {},
    examples: [["millrace apikey:remove '1/0123abcd...#7'", 'as apikey:list shows it']],
    run: async (context, { words }) =>
      removeKey(context, (await context.api().users.self()).email, words.KEY),
  }),
]

async function listKeys(
  { api, print }: Context,
  user: string,
  options: { format: string | undefined },
): Promise<void> {
  const keys = await api().users.keys(user)
  await print.list(
    { columns: [{ name: 'Key' }], rows: keys.map((key) => [key]), objects: keys },
    formatOf(options),
  )
}

async function addKey(
  { api, print }: Context,
  user: string,
  { kind, name }: { kind: string | undefined; name: string | undefined },
): Promise<void> {
  const apikey = await api().users.addKey(user, { type: kind, name })
  await print.line(apikey, { user, apikey, kind: kind ?? 'master' })
}

async function removeKey({ api, print }: Context, user: string, key: string): Promise<void> {
  await api().users.removeKey(user, key)
  await print.done('The key is removed.', { user, removed: true })
}
