import { fromBase32, toBase32 } from './base32.ts'
import { type FunctionDefinition, scalar } from './define.ts'
import { fault } from './errors-in-engine.ts'
import { murmur3, spooky64 } from './hashes.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'
import { xxhash64 } from './xxhash64.ts'

/** Bytes: encodings and digests. Digests are varbinary, as in Presto. */

const HMACS = ['md5', 'sha1', 'sha256', 'sha512']
const BINARY_OR_TEXT = ['varbinary', 'varchar']

export const definitions: FunctionDefinition[] = [
  ...scalar('to_hex(varbinary) -> varchar', 'hex($1)'),
  ...scalar('from_hex(varchar) -> varbinary', 'p_from_hex($1)'),
  ...scalar('from_hex(varbinary) -> varbinary', "p_from_hex(p_from_utf8($1, '?'))"),
  ...scalar('to_base64(varbinary) -> varchar', 'base64($1)'),
  ...scalar('to_base64url(varbinary) -> varchar', "translate(base64($1), '+/', '-_')"),
  ...BINARY_OR_TEXT.flatMap((type) => {
    const text = type === 'varchar' ? '$1' : "p_from_utf8($1, '?')"
    return [
      ...scalar(`from_base32(${type}) -> varbinary`, `p_from_base32(${text})`),
      ...scalar(`from_base64(${type}) -> varbinary`, `p_from_base64(${text})`),
      ...scalar(`from_base64url(${type}) -> varbinary`, `p_from_base64url(${text})`),
    ]
  }),
  ...['md5', 'sha1', 'sha256'].flatMap((name) =>
    scalar(`${name}(varbinary) -> varbinary`, `unhex(${name}($1))`),
  ),
  ...scalar('sha512(varbinary) -> varbinary', 'p_sha512($1)'),
  ...scalar('crc32(varbinary) -> bigint', 'p_crc32($1)'),
  ...scalar('murmur3(varbinary) -> varbinary', 'p_murmur3($1)'),
  ...scalar('spooky_hash_v2_32(varbinary) -> varbinary', 'p_spooky_hash_32($1)'),
  ...scalar('spooky_hash_v2_64(varbinary) -> varbinary', 'p_spooky_hash_64($1)'),
  ...scalar('to_base32(varbinary) -> varchar', 'p_to_base32($1)'),
  ...scalar('xxhash64(varbinary) -> varbinary', 'p_xxhash64($1)'),
  ...HMACS.flatMap((name) =>
    scalar(`hmac_${name}(varbinary, varbinary) -> varbinary`, `p_hmac_${name}($1, $2)`),
  ),
  ...scalar('to_big_endian_64(bigint) -> varbinary', 'p_to_big_endian($1, 8)'),
  ...scalar('from_big_endian_64(varbinary) -> bigint', 'p_from_big_endian($1, 8)'),
  ...scalar('to_big_endian_32(integer) -> varbinary', 'p_to_big_endian(CAST($1 AS BIGINT), 4)'),
  ...scalar('from_big_endian_32(varbinary) -> integer', 'CAST(p_from_big_endian($1, 4) AS INTEGER)'),
  ...scalar('to_ieee754_64(double) -> varbinary', 'p_to_ieee754($1, 8)'),
  ...scalar('from_ieee754_64(varbinary) -> double', 'p_from_ieee754($1, 8)'),
  ...scalar('to_ieee754_32(real) -> varbinary', 'p_to_ieee754(CAST($1 AS DOUBLE), 4)'),
  ...scalar('from_ieee754_32(varbinary) -> real', 'CAST(p_from_ieee754($1, 4) AS FLOAT)'),
]

type Blob = { bytes: Uint8Array }
const blob = (bytes: Uint8Array): Blob => ({ bytes: new Uint8Array(bytes) })
const invalid = (message: string): Error => fault('INVALID_FUNCTION_ARGUMENT', message)

// Loaded when first used: whoever only translates statements needs neither.
const crypto = () => process.getBuiltinModule('node:crypto')
const zlib = () => process.getBuiltinModule('node:zlib')

export const javascript: JavaScriptFunction[] = [
  pureFunction('p_from_hex(VARCHAR) -> BLOB', fromHex),
  pureFunction('p_from_base64(VARCHAR) -> BLOB', (text: string) => fromBase64(text, '+/')),
  pureFunction('p_from_base64url(VARCHAR) -> BLOB', (text: string) => fromBase64(text, '-_')),
  pureFunction('p_to_base32(BLOB) -> VARCHAR', ({ bytes }: Blob) => toBase32(bytes)),
  pureFunction('p_from_base32(VARCHAR) -> BLOB', (text: string) => ({ bytes: fromBase32(text) })),
  pureFunction('p_murmur3(BLOB) -> BLOB', ({ bytes }: Blob) => blob(murmur3(bytes))),
  pureFunction('p_spooky_hash_32(BLOB) -> BLOB', ({ bytes }: Blob) =>
    bigEndian(BigInt.asIntN(32, spooky64(bytes)), 4n),
  ),
  pureFunction('p_spooky_hash_64(BLOB) -> BLOB', ({ bytes }: Blob) => bigEndian(spooky64(bytes), 8n)),
  pureFunction('p_sha512(BLOB) -> BLOB', ({ bytes }: Blob) =>
    blob(crypto().createHash('sha512').update(bytes).digest()),
  ),
  pureFunction('p_crc32(BLOB) -> BIGINT', ({ bytes }: Blob) => BigInt(zlib().crc32(bytes))),
  pureFunction('p_xxhash64(BLOB) -> BLOB', ({ bytes }: Blob) => bigEndian(xxhash64(bytes), 8n)),
  ...HMACS.map((name) =>
    pureFunction(`p_hmac_${name}(BLOB, BLOB) -> BLOB`, ({ bytes }: Blob, key: Blob) => {
      if (key.bytes.length === 0) throw invalid('Empty key')
      return blob(crypto().createHmac(name, key.bytes).update(bytes).digest())
    }),
  ),
  pureFunction('p_to_big_endian(BIGINT, BIGINT) -> BLOB', bigEndian),
  pureFunction('p_from_big_endian(BLOB, BIGINT) -> BIGINT', (value: Blob, size: bigint) => {
    const view = sized(value, size, (got) => `expected ${size}-byte input, but got instead: ${got}`)
    return size === 8n ? view.getBigInt64(0) : BigInt(view.getInt32(0))
  }),
  pureFunction('p_to_ieee754(DOUBLE, BIGINT) -> BLOB', (value: number, size: bigint) => {
    const view = new DataView(new ArrayBuffer(Number(size)))
    if (size === 8n) view.setFloat64(0, value)
    else view.setFloat32(0, value)
    return blob(new Uint8Array(view.buffer))
  }),
  pureFunction('p_from_ieee754(BLOB, BIGINT) -> DOUBLE', (value: Blob, size: bigint) => {
    const view = sized(value, size, () => `Input floating-point value must be exactly ${size} bytes long`)
    return size === 8n ? view.getFloat64(0) : view.getFloat32(0)
  }),
]

function bigEndian(value: bigint, size: bigint): Blob {
  const view = new DataView(new ArrayBuffer(Number(size)))
  if (size === 8n) view.setBigInt64(0, BigInt.asIntN(64, value))
  else view.setInt32(0, Number(value))
  return blob(new Uint8Array(view.buffer))
}

function sized({ bytes }: Blob, size: bigint, message: (got: number) => string): DataView {
  if (bytes.length !== Number(size)) throw invalid(message(bytes.length))
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
}

function fromHex(text: string): Blob {
  if (text.length % 2 === 1) throw invalid(`invalid input length ${text.length}`)
  const wrong = /[^0-9A-Fa-f]/.exec(text)?.[0]
  if (wrong !== undefined) {
    throw invalid(`not a hexadecimal digit: "${wrong}" = ${wrong.charCodeAt(0)}`)
  }
  return blob(Buffer.from(text, 'hex'))
}

/** As java.util.Base64 reads it: padding may be left out, but what is there must be whole. */
function fromBase64(text: string, extra: '+/' | '-_'): Blob {
  const body = text.replace(/={0,2}$/, '')
  const padding = text.length - body.length
  if (body.length + padding === 1) throw invalid('Input byte[] should at least have 2 bytes for base64 bytes')
  const end = body.indexOf('=')
  if (end >= 0) throw invalid('Input byte array has wrong 4-byte ending unit')
  const wrong = [...body].find((character) => !/[A-Za-z0-9]/.test(character) && !extra.includes(character))
  if (wrong !== undefined) throw invalid(`Illegal base64 character ${wrong.charCodeAt(0).toString(16)}`)
  if (padding > 0 && (body.length + padding) % 4 !== 0)
    throw invalid('Input byte array has wrong 4-byte ending unit')
  if (body.length % 4 === 1) throw invalid('Last unit does not have enough valid bits')
  return blob(Buffer.from(body, extra === '+/' ? 'base64' : 'base64url'))
}
