/** Per key one task at a time, in the order in which they came. */
export type Turns = {
  take<T>(key: bigint, task: () => Promise<T>): Promise<T>
  /** Somebody has the turn, or waits for it. */
  isTaken(key: bigint): boolean
}

export function createTurns(): Turns {
  const last = new Map<bigint, Promise<unknown>>()
  return {
    isTaken: (key) => last.has(key),
    async take(key, task) {
      const before = last.get(key) ?? Promise.resolve()
      const turn = before.then(task)
      // A failure is its caller's, not the next one's.
      const over = turn.then(
        () => undefined,
        () => undefined,
      )
      last.set(key, over)
      try {
        return await turn
      } finally {
        if (last.get(key) === over) last.delete(key)
      }
    },
  }
}
