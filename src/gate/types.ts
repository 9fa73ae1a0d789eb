/** serving: open · draining: closing in two stages · held: callers wait · away: no database · recovering: ramp. */
export const GATE_MODES = ['serving', 'draining', 'held', 'away', 'recovering'] as const
export type GateMode = (typeof GATE_MODES)[number]

/** In the order in which they are let in after an absence and, reversed, shut out before one. */
export const WORK_CLASSES = ['health', 'job-report', 'read', 'submit', 'write', 'background'] as const
export type WorkClass = (typeof WORK_CLASSES)[number]

/** Where the main database of an epoch answers. `host` starting with `/` is a Unix socket directory. */
export type DatabaseAddress = {
  host: string
  port: number
  database: string
  user: string
  password: string
  tls: boolean
}

/** What the gate file holds and the supervisor pushes; immutable, replaced as a whole. */
export type GateState = {
  mode: GateMode
  /** Rises with every change of database, of login role or of fencing. */
  epoch: number
  /** Rises with every state written; an older one is ignored. */
  sequence: number
  /** undefined while there is nowhere to connect to. */
  address?: DatabaseAddress
  /** One sentence for people and logs. */
  reason: string
  /** ISO instant of the last change of mode. */
  since: string
  /** draining only: which stage (1: background stops, 2: writes stop). */
  stage?: 1 | 2
  /** What a refused caller is told to wait. */
  retryAfterSeconds: number
  /** recovering only: share of normal admission, 0.1 … 1. */
  admission?: number
  /** True when a maintenance ordered it; false when the breaker did. */
  planned: boolean
}

/** How one call may use the database, and how long its caller is ready to wait for the gate. */
export type Admission = { class: WorkClass; deadlineMs: number }

/** One call that is inside the gate. Whoever got it must release it, once it is certain that nothing runs any more. */
export type Pass = { epoch: number; release(): void }

/** The gate as every user of the main database sees it. */
export type Gate = {
  current(): GateState
  /** Called after every change; returns how to stop that. */
  onChange(listener: (state: GateState) => void): () => void
  /**
   * Waits in the order of arrival until the class is let in.
   * @throws database_away (503, retry) after `deadlineMs`, or at once when too many of the class are waiting.
   */
  enter(admission: Admission): Promise<Pass>
  /**
   * Whoever holds connections says here how to close them. Called when nobody is inside any more: with the epoch
   * whose connections may stay, or undefined for none. The process acknowledges after all of these resolved.
   */
  onLetGo(close: (keepEpoch: number | undefined) => Promise<void>): void
  /** Something inside found that the database of this epoch does not answer (or answers again): told to the supervisor. */
  reportUnreachable(epoch: number, reason: string): void
  reportReachable(epoch: number): void
}

/** What the supervisor pushes under the topic `gate`, and answers to a question under it. */
export type GateLease = { state: GateState; leaseMs: number }

/** What a process says under the topic `gate-ack`: it complies with the state of that sequence. */
export type GateAcknowledgement = { sequence: number; epoch: number }

/** `database-unreachable` and `database-ok`. */
export type DatabaseReport = { epoch: number; reason: string }
