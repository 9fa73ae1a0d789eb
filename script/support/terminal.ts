const isTerminal = process.stdout.isTTY === true
const colours = isTerminal && process.env.NO_COLOR === undefined

export const bold = (text: string) => (colours ? `\u001b[1m${text}\u001b[0m` : text)
export const dim = (text: string) => (colours ? `\u001b[2m${text}\u001b[0m` : text)

/** A bar that redraws itself on a terminal and says a line each quarter elsewhere. */
export function progressBar(label: string, total: number) {
  const startedMs = performance.now()
  let saidQuarter = -1
  return (done: number) => {
    const share = Math.min(1, done / total)
    const rate = Math.round(done / Math.max(0.001, (performance.now() - startedMs) / 1000))
    const figures = `${done.toLocaleString('en')} of ${total.toLocaleString('en')} rows, ${rate.toLocaleString('en')}/s`
    if (isTerminal) {
      const filled = Math.round(share * 30)
      process.stdout.write(
        `\r${label} ${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${figures}   ${share === 1 ? '\n' : ''}`,
      )
    } else if (Math.floor(share * 4) > saidQuarter) {
      saidQuarter = Math.floor(share * 4)
      console.log(`${label} ${Math.round(share * 100)} %  ${figures}`)
    }
  }
}

/** Rows in a box, numbers to the right. */
export function table(columns: string[], rows: unknown[][]): string {
  const text = rows.map((row) => row.map((cell) => (cell === null ? 'null' : String(cell))))
  const numeric = columns.map(
    (_, i) => rows.length > 0 && rows.every((row) => row[i] === null || typeof row[i] === 'number'),
  )
  const widths = columns.map((name, i) => Math.max(name.length, ...text.map((row) => row[i].length)))
  const line = (left: string, middle: string, right: string) =>
    left + widths.map((w) => '─'.repeat(w + 2)).join(middle) + right
  const cells = (row: string[]) =>
    `│${row.map((cell, i) => ` ${numeric[i] ? cell.padStart(widths[i]) : cell.padEnd(widths[i])} `).join('│')}│`
  return [
    line('┌', '┬', '┐'),
    cells(columns),
    line('├', '┼', '┤'),
    ...text.map(cells),
    line('└', '┴', '┘'),
  ].join('\n')
}
