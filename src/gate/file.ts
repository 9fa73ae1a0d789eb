import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ensureDirectory, sha256Hex, writeFileDurably } from '../kernel/index.ts'
import { GATE_MODES, type GateState } from './types.ts'

const FORMAT = 1

export type GateFile =
  | { kind: 'found'; state: GateState }
  | { kind: 'missing' }
  | { kind: 'damaged'; reason: string }

export function gatePath(dataDir: string): string {
  return join(dataDir, 'gate', 'gate.json')
}

/** Readable by the owner only: the address holds the password of the epoch's login role. */
export async function writeGateFile(dataDir: string, state: GateState): Promise<void> {
  await ensureDirectory(join(dataDir, 'gate'))
  const body = JSON.stringify(state)
  const text = `{"format":${FORMAT},"sha256":"${sha256Hex(body)}","state":${body}}\n`
  await writeFileDurably(gatePath(dataDir), text)
}

/** Missing and damaged are different answers: after the first one starts anew, after the second one stops. */
export async function readGateFile(dataDir: string): Promise<GateFile> {
  let text: string
  try {
    text = await readFile(gatePath(dataDir), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { kind: 'missing' }
    throw error
  }
  return parseGateFile(text)
}

export function parseGateFile(text: string): GateFile {
  let file: { format?: unknown; sha256?: unknown; state?: GateState }
  try {
    file = JSON.parse(text)
  } catch {
    // Not an error that is lost: the reason goes to the caller, who must decide.
    return { kind: 'damaged', reason: 'it is not JSON' }
  }
  if (typeof file !== 'object' || file === null) return { kind: 'damaged', reason: 'it is not an object' }
  if (file.format !== FORMAT) return { kind: 'damaged', reason: `its format is ${String(file.format)}` }
  const { state } = file
  if (state === undefined || sha256Hex(JSON.stringify(state)) !== file.sha256)
    return { kind: 'damaged', reason: 'its checksum does not match' }
  if (!GATE_MODES.includes(state.mode))
    return { kind: 'damaged', reason: `its mode is ${String(state.mode)}` }
  return { kind: 'found', state }
}
