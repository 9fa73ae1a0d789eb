import { command } from '../command.ts'
import { failure, usageError } from '../errors.ts'
import { bytesText } from '../output/bytes.ts'
import { localTime } from '../output/times.ts'
import { originOf, writeAccount } from '../settings.ts'
import { force } from './common.ts'
import { roleOf } from './users.ts'

const TRIES = 3

export const accountCommands = [
  command({
    name: 'account',
    topic: 'start',
    summary: 'sign in: get a key and keep it in the configuration file',
    about: [
      'Makes a new key by e-mail address and password, and writes it with the address of the server into ~/.config/millrace/millrace.conf (or the file of --config), readable by you only. The file has the form of td.conf; ~/.td/td.conf is read when there is no other, and never written.',
    ],
    arguments: [{ name: 'EMAIL', help: 'your address; asked for when it is left out', optional: true }],
    options: force('replace the key that is there'),
    examples: [
      ['millrace account ann@example.com', 'asks for the password'],
      ['millrace -e https://events.example.org account ann@example.com', 'at another server'],
      ['millrace account ann@example.com -f < password.txt', 'from a script'],
    ],
    async run({ settings, publicApi, ask, terminal, print }, { words, options }) {
      const { apiKey, keyFrom, configPath, endpoint } = settings()
      if (apiKey !== undefined && keyFrom === configPath && !options.force)
        throw failure(`${configPath} has a key already`, "'millrace account -f' replaces it.")
      const email = words.EMAIL ?? (await ask('Email: ')).trim()
      const isPerson = terminal.stdin.isTTY === true
      for (let tries = 1; ; tries++) {
        const password = await ask('Password: ', { hidden: true })
        try {
          const { name, apikey } = await publicApi().users.authenticate(email, password)
          writeAccount(configPath, { user: email, apikey, endpoint: endpoint.origin })
          return print.done(`Signed in as ${name} at ${endpoint.origin}. The key is in ${configPath}.`, {
            user: name,
            email,
            endpoint: endpoint.origin,
            config: configPath,
          })
        } catch (error) {
          const { status } = error as { status?: number }
          const isWrong = status === 400 || status === 401
          if (!isWrong || !isPerson || tries >= TRIES) throw error
          print.note('Address or password is wrong.')
        }
      }
    },
  }),
  command({
    name: 'account:show',
    aliases: ['whoami'],
    topic: 'account',
    summary: 'show who you are, at which server, with which key',
    arguments: [],
    options: {},
    examples: [['millrace account:show', 'and where key and server were read']],
    async run({ settings, api, print }) {
      const { endpoint, endpointFrom, keyFrom } = settings()
      const [user, key] = await Promise.all([api().users.self(), api().users.validate()])
      await print.block(
        [
          ['Server', `${endpoint.origin} (from ${endpointFrom})`],
          ['Name', user.name],
          ['Email', user.email],
          ['Role', roleOf(user)],
          ['Account', key.account_id],
          ['Key', `${key.key_type.replace('_', '-')} (from ${keyFrom})`],
        ],
        { endpoint: endpoint.origin, endpoint_from: endpointFrom, key_from: keyFrom, key, user },
      )
    },
  }),
  command({
    name: 'account:usage',
    topic: 'account',
    summary: 'show how much is stored',
    arguments: [],
    options: {},
    examples: [['millrace account:usage', 'bytes of all tables']],
    async run({ api, print }) {
      const account = await api().users.account()
      await print.block(
        [
          ['Storage', bytesText(account.storage_size)],
          ['Since', localTime(account.created_at)],
        ],
        account,
      )
    },
  }),
  command({
    name: 'apikey:show',
    aliases: ['apikey'],
    topic: 'account',
    summary: 'print the key that is used, and say where it was read',
    arguments: [],
    options: {},
    examples: [['millrace apikey:show', 'the key on standard output, nothing else']],
    async run({ settings, print }) {
      const { apiKey, keyFrom } = settings()
      if (apiKey === undefined) throw failure('there is no API key', "'millrace account' gets one.")
      if (!print.isJson) print.note(`from ${keyFrom}`)
      await print.line(apiKey, { apikey: apiKey, from: keyFrom })
    },
  }),
  command({
    name: 'apikey:set',
    topic: 'start',
    summary: 'keep a key in the configuration file',
    arguments: [{ name: 'KEY', help: 'the key; - reads it from standard input' }],
    options: force('replace the key that is there'),
    examples: [
      ['millrace apikey:set 1/0123…', 'a key you were given'],
      ['millrace key:create laptop | millrace apikey:set -', 'a new one, on the machine of the server'],
    ],
    async run({ settings, ask, print }, { words, options }) {
      const { apiKey, keyFrom, configPath, endpoint } = settings()
      const key = words.KEY === '-' ? (await ask('Key: ', { hidden: true })).trim() : words.KEY
      if (!/^[\x21-\x7e]+$/.test(key)) throw usageError('this is no key: it has blanks or other characters')
      if (apiKey !== undefined && keyFrom === configPath && apiKey !== key && !options.force)
        throw failure(`${configPath} has another key already`, "'millrace apikey:set -f KEY' replaces it.")
      // With the server it is for: the file may be read later where nothing else names one.
      writeAccount(configPath, { apikey: key, endpoint: endpoint.origin })
      await print.done(`The key is in ${configPath}, for ${endpoint.origin}.`, {
        config: configPath,
        endpoint: endpoint.origin,
      })
    },
  }),
  command({
    name: 'server:status',
    aliases: ['server'],
    topic: 'start',
    summary: 'ask whether the server is there',
    about: ['Needs no key. During a maintenance it answers, too.'],
    arguments: [],
    options: {},
    examples: [
      ['millrace server:status', "'ok' and exit code 0, or what is wrong"],
      ['millrace -e https://events.example.org server:status', 'of another one'],
    ],
    async run({ publicApi, print, settings }) {
      const status = await publicApi().system.status()
      await print.line(status, { status, endpoint: settings().endpoint.origin })
    },
  }),
  command({
    name: 'server:endpoint',
    topic: 'start',
    summary: 'keep the address of the server in the configuration file',
    arguments: [{ name: 'URL', help: 'such as https://events.example.org' }],
    options: {},
    examples: [['millrace server:endpoint http://127.0.0.1:8080', 'a Millrace on this machine']],
    async run({ settings, print }, { words }) {
      const { configPath } = settings()
      const { origin } = originOf(words.URL, 'URL')
      writeAccount(configPath, { endpoint: origin })
      await print.done(`The server is ${origin}, in ${configPath}.`, { endpoint: origin, config: configPath })
    },
  }),
]
