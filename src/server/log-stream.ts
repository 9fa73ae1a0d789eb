import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

/** `pretty` for people on a terminal, `json` (one object per line) for everything else. */
export type LogFormat = 'pretty' | 'json'

const LEVELS: Record<number, [name: string, colour: string]> = {
  10: ['trace', '90'],
  20: ['debug', '90'],
  30: ['info', '36'],
  40: ['warn', '33'],
  50: ['error', '31'],
  60: ['fatal', '41;97'],
}

/**
 * One stream out of many: every line of a child's standard output and error passes here. JSON lines are rendered
 * for people or passed on as they are; anything else (a crash's stack, a library's own print) is wrapped.
 */
export function createLogStream({
  format,
  colours,
  write,
}: {
  format: LogFormat
  colours: boolean
  write(text: string): void
}) {
  const emit = (process: string, line: string) => {
    const entry = parse(line)
    if (format === 'json')
      write(entry ? `${line}\n` : `${JSON.stringify({ level: 40, process, msg: line })}\n`)
    else write(`${entry ? pretty(entry, colours) : `${paint('90', process.padEnd(10), colours)} ${line}`}\n`)
  }
  return {
    line: emit,
    collect(process: string, stream: Readable) {
      createInterface({ input: stream }).on('line', (line) => emit(process, line))
    },
  }
}

type Entry = {
  level: number
  time?: string
  process?: string
  msg?: string
  err?: { stack?: string; message?: string }
} & Record<string, unknown>

function parse(line: string): Entry | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const entry = JSON.parse(line)
    return typeof entry.level === 'number' ? entry : undefined
  } catch {
    // Not a log line after all; the caller wraps it as text, so nothing is lost.
    return undefined
  }
}

function pretty({ level, time, process = '', msg = '', err, ...fields }: Entry, colours: boolean): string {
  const [name, colour] = LEVELS[level] ?? ['log', '0']
  const clock = (time ?? new Date().toISOString()).slice(11, 23)
  const facts = Object.entries(fields).map(
    ([key, value]) => `${paint('90', `${key}=`, colours)}${show(value)}`,
  )
  const head = `${paint('90', clock, colours)} ${paint(colour, name.padEnd(5), colours)} ${paint('35', process.padEnd(10), colours)}`
  const tail =
    err === undefined ? '' : `\n    ${(err.stack ?? err.message ?? show(err)).replaceAll('\n', '\n    ')}`
  return `${head} ${msg}${facts.length === 0 ? '' : `  ${facts.join(' ')}`}${tail}`
}

function show(value: unknown): string {
  if (typeof value === 'string') return /[\s"]/.test(value) ? JSON.stringify(value) : value
  return JSON.stringify(value)
}

function paint(colour: string, text: string, colours: boolean): string {
  return colours ? `\u001b[${colour}m${text}\u001b[0m` : text
}
