/** One line of progress that redraws itself on a terminal, and says a line each quarter elsewhere; on standard error. */
export function progressLine(quiet: boolean) {
  const isTerminal = process.stderr.isTTY === true
  let saidQuarter = 0
  let isShown = false
  return {
    show(text: string, share: number): void {
      if (quiet) return
      if (isTerminal) {
        const filled = Math.round(Math.min(1, share) * 30)
        process.stderr.write(`\r\u001b[K${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${text}`)
        isShown = true
      } else if (share < 1 && Math.floor(share * 4) > saidQuarter) {
        saidQuarter = Math.floor(share * 4)
        process.stderr.write(`${Math.round(share * 100)} %  ${text}\n`)
      }
    },
    end(): void {
      if (isShown) process.stderr.write('\r\u001b[K')
      isShown = false
    },
  }
}
