import { createHmac, timingSafeEqual } from 'node:crypto'
import type { Family } from './client-session.ts'
import type { Encoding } from './encodings.ts'
import type { FieldForm } from './type-signature.ts'

/**
 * How the client that sent a statement is to be answered. It says so with the statement only, and asks for pages with nothing but their
 * address: so that stands in the address, and core may be started again in between.
 */
export type AnswerForm = {
  family: Family
  /** Times with their precision: newer clients. */
  isParametric: boolean
  fields: FieldForm
  encoding: Encoding | undefined
  /** Lines that the session put before the user's own text. */
  linesBefore: number
}

const FORM = {
  family: { p: 'Presto', t: 'Trino' },
  isParametric: { e: true, m: false },
  fields: { s: 'structured', t: 'text' },
  encoding: { d: undefined, j: 'json', z: 'json+zstd' },
} as const

function letterOf<Value>(letters: Readonly<Record<string, Value>>, wanted: Value): string {
  return Object.keys(letters).find((letter) => letters[letter] === wanted)!
}

function formText({ family, isParametric, fields, encoding, linesBefore }: AnswerForm): string {
  const letters = [
    letterOf(FORM.family, family),
    letterOf(FORM.isParametric, isParametric),
    letterOf(FORM.fields, fields),
    letterOf<Encoding | undefined>(FORM.encoding, encoding),
  ]
  return letters.join('') + linesBefore
}

export type SlugFacts = { accountId: bigint; form: AnswerForm }

/** What only those know whom the query was answered to: clients may leave out the key when they ask for the next page. */
export function slugOf(queryId: string, { accountId, form }: SlugFacts, secret: Buffer): string {
  return signed(queryId, `y${accountId}x${formText(form)}`, secret)
}

function signed(queryId: string, facts: string, secret: Buffer): string {
  return `${facts}x${hexMac(`query ${queryId} ${facts}`, secret)}`
}

const SLUG = /^(y(\d{1,19})x([pt])([em])([st])([djz])(\d{1,6}))x[0-9a-f]{32}$/

/** What the slug was made of, or undefined when it is not this query's. */
export function readSlug(slug: string, queryId: string, secret: Buffer): SlugFacts | undefined {
  const [, facts, account, family, times, fields, encoding, lines] = SLUG.exec(slug) ?? []
  if (facts === undefined || !isSame(slug, signed(queryId, facts, secret))) return undefined
  return {
    accountId: BigInt(account!),
    form: {
      family: FORM.family[family as 'p' | 't'],
      isParametric: FORM.isParametric[times as 'e' | 'm'],
      fields: FORM.fields[fields as 's' | 't'],
      encoding: FORM.encoding[encoding as 'd' | 'j' | 'z'],
      linesBefore: Number(lines),
    },
  }
}

/** Opens one segment of a query's rows to whoever has it: clients fetch segments without their key. */
export function segmentMac(queryId: string, index: number, secret: Buffer): string {
  return hexMac(`segment ${queryId} ${index}`, secret)
}

export function isSegmentMac(mac: string, queryId: string, index: number, secret: Buffer): boolean {
  return isSame(mac, segmentMac(queryId, index, secret))
}

function hexMac(text: string, secret: Buffer): string {
  return createHmac('sha256', secret).update(text).digest('hex').slice(0, 32)
}

function isSame(one: string, other: string): boolean {
  return one.length === other.length && timingSafeEqual(Buffer.from(one), Buffer.from(other))
}
