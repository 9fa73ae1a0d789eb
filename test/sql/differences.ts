import { rowsText, typeAlike } from './answers.ts'
import type { Answer, Engine } from './engines.ts'
import { type Dialect, type Node, render, shrink } from './tree.ts'

/** Errors that depend on which rows an engine happens to look at first; over tables, either engine may be spared one. */
const OF_ROWS = new Set([
  'DIVISION_BY_ZERO',
  'NUMERIC_VALUE_OUT_OF_RANGE',
  'INVALID_FUNCTION_ARGUMENT',
  'INVALID_CAST_ARGUMENT',
  'SUBQUERY_MULTIPLE_ROWS',
  '22003',
  '22012',
  '22008',
])

export type Peer = {
  engine: Engine
  dialect: Dialect
  /** Types and error names are the same language as ours. */
  sameLanguage: boolean
}

/** Why two answers are not one; undefined when they are. */
export function differenceOf(ours: Answer, theirs: Answer, peer: Peer): string | undefined {
  if ('error' in ours || 'error' in theirs) return errorDifference(ours, theirs, peer)
  if (peer.sameLanguage && ours.types.map(typeAlike).join() !== theirs.types.map(typeAlike).join())
    return 'types'
  return rowsText(ours.types, ours.rows, false) === rowsText(ours.types, theirs.rows, false)
    ? undefined
    : 'rows'
}

function errorDifference(ours: Answer, theirs: Answer, { sameLanguage }: Peer): string | undefined {
  const [mine, other] = [ours, theirs].map((answer) => ('error' in answer ? answer.error : undefined))
  // Trino's own compiler gives up on some texts.
  if (other === 'COMPILER_ERROR') return undefined
  if (mine === 'GENERIC_INTERNAL_ERROR' || mine === 'SYNTAX_ERROR') return mine === other ? undefined : mine
  if (mine !== undefined && other !== undefined) return sameLanguage && mine !== other ? 'error' : undefined
  return OF_ROWS.has((mine ?? other)!) ? undefined : 'error'
}

export type Difference = { what: string; sql: string; peerSql: string; ours: Answer; theirs: Answer }

export type Comparison = {
  ours: Engine
  peer: Peer /** Puts what the text needs around it. */
  whole(tree: Node): Node
}

/** Asks both engines; a difference comes back as small as it could be made. */
export async function compareOn(tree: Node, comparison: Comparison): Promise<Difference | undefined> {
  const first = await askBoth(tree, comparison)
  if (first === undefined) return undefined
  const alike = async (smaller: Node) => (await askBoth(smaller, comparison))?.what === first.what
  return askBoth(await shrink(tree, alike), comparison)
}

async function askBoth(tree: Node, { ours, peer, whole }: Comparison): Promise<Difference | undefined> {
  const [mine, theirs] = await Promise.all([
    ours.ask(render(whole(tree), 'trino')),
    peer.engine.ask(render(whole(tree), peer.dialect)),
  ])
  const what = differenceOf(mine, theirs, peer)
  if (what === undefined) return undefined
  return { what, sql: render(tree, 'trino'), peerSql: render(tree, peer.dialect), ours: mine, theirs }
}

export function describeDifference({ what, sql, peerSql, ours, theirs }: Difference): string {
  const text = (answer: Answer) =>
    'error' in answer
      ? `${answer.error}: ${answer.message}`
      : `${answer.types.join(', ')} ${JSON.stringify(answer.rows).slice(0, 800)}`
  return [
    `differ in ${what}: ${sql}`,
    ...(peerSql === sql ? [] : [`  as ${peerSql}`]),
    `  ours   ${text(ours)}`,
    `  theirs ${text(theirs)}`,
  ].join('\n')
}
