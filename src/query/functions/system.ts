import { readAddress } from '../ip-address.ts'
import { type FunctionDefinition, scalar } from './define.ts'
import { fault } from './errors-in-engine.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'

/** The session and the system, UUIDs, and networks of addresses. */

/** The release of Trino whose dialect this is. */
const DIALECT = '423'

export const definitions: FunctionDefinition[] = [
  ...scalar('version() -> varchar', `'${DIALECT}'`, { fold: () => DIALECT }),
  ...scalar('current_groups() -> array(varchar)', '[]::VARCHAR[]'),
  ...scalar('uuid() -> uuid', 'uuid()', { volatile: true }),
  ...scalar('contains(varchar, ipaddress) -> boolean', 'p_network_contains($1, $2)'),
]

const bad = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

/** Whether the address is in the network `10.0.0.0/8`; IPv4 addresses are in networks of IPv6 by their IPv6 form. */
function networkContains(network: string, { bytes }: { bytes: Uint8Array }): boolean {
  const [text, prefix, ...more] = network.split('/')
  if (prefix === undefined || more.length > 0) throw bad('Invalid CIDR')
  const base = readAddress(text!)
  if (base === undefined) throw bad('Invalid network IP address')
  if (!/^-?\d+$/.test(prefix)) throw bad('Invalid prefix length')
  const most = text!.includes(':') ? 128 : 32
  const length = Number(prefix)
  if (length < 0) throw bad('Invalid prefix length')
  if (length > most) throw bad('Invalid CIDR')
  const bits = 128 - most + length
  return bitsOf(base) >> BigInt(128 - bits) === bitsOf(bytes) >> BigInt(128 - bits)
}

const bitsOf = (bytes: Uint8Array): bigint => BigInt(`0x${Buffer.from(bytes).toString('hex')}`)

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_network_contains(VARCHAR, BLOB) -> BOOLEAN', networkContains),
]
