import { fault } from './errors-in-engine.ts'

/** Texts in the encodings Java knows by name. The runtime decodes them all; encoding is that table read backwards. */

/** Names that the runtime does not know, and the Java locale that stands for an encoding in TD_URL_DECODE. */
const ALIASES: Record<string, string> = {
  ko: 'euc-kr',
  eucjp: 'euc-jp',
  euc_jp: 'euc-jp',
  euckr: 'euc-kr',
  euc_kr: 'euc-kr',
  sjis: 'shift_jis',
  'windows-31j': 'shift_jis',
  ms932: 'shift_jis',
  cp932: 'shift_jis',
  utf8: 'utf-8',
  ascii: 'us-ascii',
  'utf-16': 'utf-16be',
  'iso8859-1': 'iso-8859-1',
  iso8859_1: 'iso-8859-1',
}
const MULTIBYTE = /^(euc-jp|euc-kr|shift_jis|gbk|gb18030|big5)$/

type Charset = { decode(bytes: Uint8Array): string; encode(character: string): Uint8Array }
const known = new Map<string, Charset>()

/** @throws Error INVALID_FUNCTION_ARGUMENT on a name that is no encoding. */
export function charsetOf(name: string): Charset {
  const label = name.trim().toLowerCase()
  let charset = known.get(label)
  if (charset === undefined) {
    charset = makeCharset(ALIASES[label] ?? label, name)
    if (known.size > 100) known.clear()
    known.set(label, charset)
  }
  return charset
}

function makeCharset(label: string, name: string): Charset {
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(label, { ignoreBOM: true })
  } catch (error) {
    if (error instanceof RangeError) throw fault('INVALID_FUNCTION_ARGUMENT', `Unknown encoding: ${name}`)
    throw error
  }
  const decode = (bytes: Uint8Array) => decoder.decode(bytes)
  if (decoder.encoding === 'utf-8') return { decode, encode: (character) => Buffer.from(character) }
  if (decoder.encoding.startsWith('utf-16')) return { decode, encode: utf16(decoder.encoding) }
  // To the web, these two are windows-1252; to Java they end at 0xFF and at 0x7F.
  const last = label === 'us-ascii' ? 0x7f : label === 'iso-8859-1' || label === 'latin1' ? 0xff : undefined
  if (last !== undefined) return latin(last)
  let table: Map<string, Uint8Array> | undefined
  return {
    decode,
    encode: (character) => {
      table ??= encodingTable(decode, MULTIBYTE.test(decoder.encoding))
      return table.get(character) ?? Uint8Array.of(0x3f)
    },
  }
}

const utf16 = (encoding: string) => (character: string) => {
  const bytes = Buffer.from(character, 'utf16le')
  return encoding === 'utf-16be' ? bytes.swap16() : bytes
}

/** What has no place in an encoding is a question mark, as Java writes it. */
const latin = (last: number): Charset => ({
  decode: (bytes) =>
    Array.from(bytes, (byte) => (byte <= last ? String.fromCharCode(byte) : '\ufffd')).join(''),
  encode: (character) => {
    const code = character.codePointAt(0)!
    return Uint8Array.of(code <= last ? code : 0x3f)
  },
})

/** Every character of an encoding of one, two or (EUC-JP) three bytes. The shortest and lowest spelling wins. */
function encodingTable(decode: (bytes: Uint8Array) => string, multibyte: boolean): Map<string, Uint8Array> {
  const table = new Map<string, Uint8Array>()
  const add = (...bytes: number[]) => {
    const text = decode(Uint8Array.from(bytes))
    if (text.includes('\ufffd') || [...text].length !== 1 || table.has(text)) return
    table.set(text, Uint8Array.from(bytes))
  }
  for (let byte = 0; byte < 256; byte++) add(byte)
  if (!multibyte) return table
  for (let lead = 0x81; lead < 0xff; lead++) for (let trail = 0x30; trail < 0xff; trail++) add(lead, trail)
  for (let lead = 0xa1; lead < 0xff; lead++)
    for (let trail = 0xa1; trail < 0xff; trail++) add(0x8f, lead, trail)
  return table
}

/** The longest beginning of the text that takes at most so many bytes in the encoding; no character is cut. */
export function prefixInBytes(text: string, maxBytes: number, charsetName: string): string {
  const { encode } = charsetOf(charsetName)
  let bytes = 0
  let end = 0
  for (const character of text) {
    bytes += encode(character).length
    if (bytes > maxBytes) break
    end += character.length
  }
  return text.slice(0, end)
}

/** Form encoding with the bytes of the encoding: letters, digits and -_.* stay, a space is +. */
export function encodeFormIn(text: string, charsetName: string): string {
  const { encode } = charsetOf(charsetName)
  let result = ''
  for (const character of text) {
    if (/[\w.*-]/.test(character)) result += character
    else if (character === ' ') result += '+'
    else
      for (const byte of encode(character)) result += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return result
}

/** The reverse; what is no escape is left as it stands. */
export function decodeFormIn(text: string, charsetName: string): string {
  const { decode } = charsetOf(charsetName)
  return text
    .replaceAll('+', ' ')
    .replace(/(?:%[0-9A-Fa-f]{2})+/g, (run) => decode(Buffer.from(run.replaceAll('%', ''), 'hex')))
}
