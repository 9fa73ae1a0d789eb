/** An account with due jobs, and how many of its jobs run now. */
export type AccountLoad = { account: bigint; running: number }
/** How many more jobs of an account may begin. */
export type AccountShare = { account: bigint; slots: number }

/** Who is next. Fair between accounts: neither a long queue nor a high priority of one delays the others. */
export type AccountTurns = {
  /**
   * Deals `slots` out one by one: each to the account that runs fewest, among those to the one served longest ago. An account
   * that runs `most` gets none.
   */
  share(accounts: readonly AccountLoad[], limits: { slots: number; most: number }): AccountShare[]
  /** A job of this account has begun. */
  served(account: bigint): void
}

export function createAccountTurns(): AccountTurns {
  /** By account, when it was last served, in turns. Forgotten with the process, which costs one turn. */
  const lastTurn = new Map<bigint, number>()
  let turn = 0
  return {
    share(accounts, { slots, most }) {
      const loads = accounts.map(({ account, running }) => ({ account, running, slots: 0 }))
      const turnOf = ({ account }: { account: bigint }) => lastTurn.get(account) ?? 0
      for (let left = slots; left > 0; left--) {
        const [next] = loads
          .filter(({ running }) => running < most)
          .sort((a, b) => a.running - b.running || a.slots - b.slots || turnOf(a) - turnOf(b))
        if (next === undefined) break
        next.running += 1
        next.slots += 1
      }
      return loads.filter((load) => load.slots > 0).map(({ account, slots }) => ({ account, slots }))
    },
    served(account) {
      turn += 1
      lastTurn.set(account, turn)
    },
  }
}
