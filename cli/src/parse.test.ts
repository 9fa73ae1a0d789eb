import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { COMMANDS } from './commands/index.ts'
import { CliError } from './errors.ts'
import { findCommand } from './find.ts'
import { parseCommand, parseHead } from './parse.ts'
import { runCli } from './testing/run.ts'

function parse(...args: string[]) {
  const head = parseHead(args)
  return parseCommand(findCommand(COMMANDS, head.word!), head.rest, head.globals)
}
const refusal = (...args: string[]) => {
  try {
    parse(...args)
  } catch (error) {
    assert.ok(error instanceof CliError && error.exitCode === 2)
    return error.message
  }
  throw new Error('was understood')
}

describe('a command line', () => {
  test('takes options as td does: short, long, together, with = or without', () => {
    for (const args of [
      ['query', '-w', '-d', 'shop', '-P', '-1', 'select 1'],
      ['query', '-wd', 'shop', '-P-1', 'select 1'],
      ['query', 'select 1', '--database=shop', '--wait', '--priority', '-1'],
      ['query', '-w', '-dshop', '--priority=-1', '--', 'select 1'],
    ]) {
      const { given } = parse(...args)
      const { database, wait, priority } = given.options
      assert.deepEqual({ database, wait, priority }, { database: 'shop', wait: true, priority: '-1' })
      assert.equal((given.words as Record<string, string>).SQL, 'select 1')
    }
    assert.equal(parse('query', '-w60', 'x').given.options.wait, 60)
    assert.equal(parse('query', '--wait=60', 'x').given.options.wait, 60)
    assert.equal(parse('job:list', '--slow', '60').given.options.slow, 60)
    assert.equal(parse('job:list', '--slow', '-R').given.options.slow, true)
  })
  test('has global options before the command, and after it where the command has none of the name', () => {
    assert.equal(parse('-k', '1/a', 'db:list').globals.apikey, '1/a')
    assert.equal(parse('db:list', '-k', '1/a').globals.apikey, '1/a')
    const { given, globals } = parse(
      '-c',
      'x.conf',
      '--wait',
      '5m',
      'query',
      '-c',
      '-w',
      '-r',
      'mysql://h/d/t',
      'q',
    )
    assert.equal(globals.config, 'x.conf')
    assert.equal(globals.wait, 300_000)
    assert.equal(given.options['column-header'], true)
    assert.equal(given.options.result, 'mysql://h/d/t')
    assert.equal(globals['retry-post-requests'], false)
  })
  test('is refused with the word that is wrong and what was probably meant', () => {
    assert.match(refusal('tabel:list'), /unknown command 'tabel:list' \(did you mean 'table:list'\?\)/)
    assert.match(refusal('table'), /DATABASE is missing; usage: millrace table:show DATABASE TABLE/)
    assert.match(refusal('db:list', '--fromat=csv'), /unknown option --fromat \(did you mean '--format'\?\)/)
    assert.match(refusal('db:list', '-f', 'cvs'), /table, csv, tsv, json, not 'cvs' \(did you mean 'csv'\?\)/)
    assert.match(refusal('db:show', 'a', 'b'), /'b' is one word too many/)
    assert.match(refusal('query', '-l', 'many', 'x'), /whole number/)
    assert.match(refusal('--wait', 'long', 'db:list'), /a duration such as 90s, 15m or 2h/)
    assert.match(refusal('user:apikey:'), /there are user:apikey:list|unknown command/)
  })
  test('that was not understood sends nothing and ends with 2; with --json the error is JSON', async () => {
    const { exitCode, out, err } = await runCli(['db:lits', '--json'])
    assert.equal(exitCode, 2)
    assert.equal(out, '')
    const { error } = JSON.parse(err)
    assert.equal(error.code, 'usage')
    assert.equal(error.exit_code, 2)
  })
})

describe('the command table', () => {
  const listed = COMMANDS.filter(({ hidden }) => !hidden)

  test('has no name twice', () => {
    const names = COMMANDS.flatMap(({ name, aliases = [] }) => [name, ...aliases])
    assert.deepEqual(
      names.filter((name, i) => names.indexOf(name) !== i),
      [],
    )
  })
  test('has no option letter twice in a command', () => {
    for (const { name, options } of COMMANDS) {
      const letters = Object.values(options).flatMap(({ short }) => short ?? [])
      assert.deepEqual(
        letters.filter((letter, i) => letters.indexOf(letter) !== i),
        [],
        name,
      )
    }
  })
  test('explains every command, its words and options, with examples that are understood', () => {
    for (const command of listed) {
      assert.ok(command.examples.length > 0, command.name)
      for (const { help } of [...command.arguments, ...Object.values(command.options)])
        assert.ok(help.length > 2, command.name)
      for (const [line] of command.examples) {
        // `key:create` is of the server's machine, and not in this table.
        const mine = commandLinesIn(line).filter((args) => !args.includes('key:create'))
        for (const args of mine) assert.doesNotThrow(() => parse(...args), line)
      }
    }
  })
})

/** The words of each `millrace …` in a line as a shell splits them; what follows a pipe or a redirection is another's. */
function commandLinesIn(line: string): string[][] {
  const words = [...line.matchAll(/'((?:[^']|'\\'')*)'|(<\(|[|<>)])|([^\s'|<>()]+)/g)].map(
    ([, quoted, mark, bare]) =>
      mark === undefined ? { text: quoted ?? bare! } : { text: mark, isMark: true },
  )
  const found: string[][] = []
  for (let at = 0; at < words.length; at++) {
    if (words[at]!.text !== 'millrace') continue
    const end = words.findIndex(({ isMark }, i) => i > at && isMark)
    found.push(words.slice(at + 1, end < 0 ? undefined : end).map(({ text }) => text))
  }
  assert.ok(found.length > 0, line)
  return found
}
