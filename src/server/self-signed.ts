import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { isIP } from 'node:net'

/**
 * A self-signed certificate (ECDSA P-256, SHA-256) for `--tls self-signed`. Node makes keys and signatures but no
 * certificates; X.509 in DER is small enough to write out (RFC 5280 §4.1).
 */
export function selfSignedCertificate({
  hosts,
  from,
  days,
}: {
  /** DNS names and addresses the certificate is good for; the first is its subject. */
  hosts: string[]
  from: Date
  days: number
}): { certificatePem: string; keyPem: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const until = new Date(from.getTime() + days * 86_400_000)
  const body = certificateBody({ hosts, from, until, publicKey })
  const signature = sign('sha256', body, privateKey)
  const certificate = sequence(body, ECDSA_WITH_SHA256, bitString(signature))
  return {
    certificatePem: pem('CERTIFICATE', certificate),
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

type Body = { hosts: string[]; from: Date; until: Date; publicKey: KeyObject }

function certificateBody({ hosts, from, until, publicKey }: Body): Buffer {
  const name = sequence(set(sequence(oid(2, 5, 4, 3), utf8(hosts[0]))))
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' })
  const serial = randomBytes(16)
  serial[0] = (serial[0] & 0x7f) | 0x40
  return sequence(
    tagged(0xa0, integer(Buffer.from([2]))),
    integer(serial),
    ECDSA_WITH_SHA256,
    name,
    sequence(time(from), time(until)),
    name,
    publicKeyInfo,
    tagged(0xa3, sequence(...extensions(hosts, publicKeyInfo))),
  )
}

function extensions(hosts: string[], publicKeyInfo: Buffer): Buffer[] {
  const critical = tagged(0x01, Buffer.from([0xff]))
  const alternatives = hosts.map((host) =>
    isIP(host) === 0 ? tagged(0x82, Buffer.from(host, 'latin1')) : tagged(0x87, addressBytes(host)),
  )
  const keyId = createHash('sha1').update(publicKeyInfo).digest()
  return [
    sequence(oid(2, 5, 29, 17), octets(sequence(...alternatives))),
    sequence(oid(2, 5, 29, 19), critical, octets(sequence(critical))),
    sequence(oid(2, 5, 29, 14), octets(octets(keyId))),
    sequence(oid(2, 5, 29, 37), octets(sequence(oid(1, 3, 6, 1, 5, 5, 7, 3, 1)))),
  ]
}

function addressBytes(host: string): Buffer {
  if (isIP(host) === 4) return Buffer.from(host.split('.').map(Number))
  const [head, tail = ''] = host.split('::')
  const words = (part: string) =>
    part === '' ? [] : part.split(':').map((word) => Number.parseInt(word, 16))
  const front = words(head)
  const back = words(tail)
  const all = [...front, ...new Array(8 - front.length - back.length).fill(0), ...back]
  return Buffer.from(all.flatMap((word) => [word >> 8, word & 255]))
}

function tagged(tag: number, content: Buffer): Buffer {
  const { length } = content
  if (length < 128) return Buffer.concat([Buffer.from([tag, length]), content])
  const bytes = length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...bytes]), content])
}
const sequence = (...parts: Buffer[]) => tagged(0x30, Buffer.concat(parts))
const set = (...parts: Buffer[]) => tagged(0x31, Buffer.concat(parts))
const integer = (bytes: Buffer) => tagged(0x02, bytes)
const octets = (bytes: Buffer) => tagged(0x04, bytes)
const bitString = (bytes: Buffer) => tagged(0x03, Buffer.concat([Buffer.from([0]), bytes]))
const utf8 = (text: string) => tagged(0x0c, Buffer.from(text, 'utf8'))
const time = (instant: Date) =>
  tagged(0x18, Buffer.from(`${instant.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`, 'latin1'))

function oid(first: number, second: number, ...rest: number[]): Buffer {
  const base128 = (value: number): number[] =>
    value < 128 ? [value] : [...base128(value >> 7).map((byte) => byte | 0x80), value & 0x7f]
  return tagged(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]))
}

const ECDSA_WITH_SHA256 = sequence(oid(1, 2, 840, 10045, 4, 3, 2))

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}
