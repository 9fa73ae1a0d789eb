import type { Channel } from '../kernel/index.ts'
import type { AskPins } from './removal.ts'

const TOPIC = 'pinned-chunks'
const TIMEOUT_MS = 30_000

type Question = { chunks: { id: bigint; tableId: bigint }[] }
type Answer = { pinned: bigint[]; jobsWaiting: boolean }

/** In core: says which retired chunks its snapshot still names, and whether jobs wait to enter the main database. */
export function answerPins(
  channel: Channel,
  sources: {
    pinnedChunks(chunks: Question['chunks']): Promise<Set<bigint>>
    jobsWaiting(): boolean
  },
): void {
  channel.on(TOPIC, async (body): Promise<Answer> => {
    const { chunks } = body as Question
    return { pinned: [...(await sources.pinnedChunks(chunks))], jobsWaiting: sources.jobsWaiting() }
  })
}

/** In the archivist: asks core, and rejects when it does not answer: then nothing is removed. */
export function askPinsOf(channel: Channel): AskPins {
  return async (chunks) => {
    const answer = (await channel.ask(TOPIC, { chunks } satisfies Question, {
      to: 'core',
      timeoutMs: TIMEOUT_MS,
    })) as Answer | undefined
    if (answer?.pinned === undefined) throw new Error('core did not say which chunks the snapshot names')
    return { pinned: new Set(answer.pinned), jobsWaiting: answer.jobsWaiting }
  }
}
