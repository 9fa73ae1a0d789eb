import type { Waiting } from '../api/call.ts'
import { clockText } from '../duration.ts'
import { painted, type Terminal } from '../terminal.ts'
import { cutTo } from './columns.ts'

export type Progress = ReturnType<typeof createProgress>

const SPINNER = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
const REDRAW_MS = 200
/** Where nobody looks, a line so often is enough for a log. */
const SAY_AGAIN_MS = 60_000

/**
 * One line on standard error that says what is waited for: redrawn on a terminal, and elsewhere said once, then every
 * minute. `show` takes a function, because the line has a clock in it.
 */
export function createProgress({ stderr, colours }: Terminal, nowMs: () => number) {
  const isLive = stderr.isTTY === true
  let line: (() => string) | undefined
  let timer: NodeJS.Timeout | undefined
  let turn = 0
  let saidAtMs = Number.NEGATIVE_INFINITY
  let saidKey = ''

  function draw(): void {
    if (line === undefined) return
    const spin = painted(colours.err, 'cyan', SPINNER[turn++ % SPINNER.length]!)
    stderr.write(`\r\u001b[K${spin} ${cutTo(line(), Math.max(20, (stderr.columns ?? 80) - 3))}`)
  }
  function clear(): void {
    if (isLive && line !== undefined) stderr.write('\r\u001b[K')
  }
  return {
    isLive,
    /** `key` names what is waited for: of the same thing a line is not repeated elsewhere than on a terminal. */
    show(key: string, text: () => string): void {
      if (isLive) {
        line = text
        timer ??= setInterval(draw, REDRAW_MS).unref()
        draw()
      } else if (key !== saidKey || nowMs() - saidAtMs >= SAY_AGAIN_MS) {
        saidKey = key
        saidAtMs = nowMs()
        stderr.write(`${text()}\n`)
      }
    },
    /** Takes the line away. */
    end(): void {
      clear()
      clearInterval(timer)
      timer = undefined
      line = undefined
    },
    /** Says something for good; a live line stays below it. */
    note(text: string): void {
      clear()
      stderr.write(`${text}\n`)
      if (isLive) draw()
    },
  }
}

/** What is said while a request waits for the server; the clocks first, where a narrow terminal does not cut them off. */
export function waitingText(waiting: Waiting, startedMs: number, nowMs: number): string {
  const { does, reason, nextTryMs, untilMs } = waiting
  const next = nextTryMs > nowMs ? `next try in ${clockText(nextTryMs - nowMs)}` : 'trying'
  const clocks = `waited ${clockText(nowMs - startedMs)} of ${clockText(untilMs - startedMs)}, ${next}`
  return `${clocks}, to ${does}: ${reason}`
}
