import type { Readable, Writable } from 'node:stream'

type Out = Writable & { isTTY?: boolean; columns?: number }
type In = Readable & { isTTY?: boolean; setRawMode?: (on: boolean) => unknown }

/** The three streams, and what a person in front of them can see. */
export type Terminal = {
  stdout: Out
  stderr: Out
  stdin: In
  /** Colours on standard output, on standard error. */
  colours: { out: boolean; err: boolean }
}

export function terminalOf(
  streams: { stdout: Out; stderr: Out; stdin: In },
  { env, noColor }: { env: Record<string, string | undefined>; noColor: boolean },
): Terminal {
  // https://no-color.org: set to anything but nothing.
  const off = noColor || (env.NO_COLOR ?? '') !== '' || env.TERM === 'dumb'
  const on = ({ isTTY }: Out) => isTTY === true && !off
  return { ...streams, colours: { out: on(streams.stdout), err: on(streams.stderr) } }
}

const CODES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const
export type Colour = keyof typeof CODES

/** The text in a colour, or as it is where colours are off. */
export function painted(isOn: boolean, colour: Colour, text: string): string {
  return isOn ? `\u001b[${CODES[colour][0]}m${text}\u001b[${CODES[colour][1]}m` : text
}
