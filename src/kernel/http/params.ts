import { Readable } from 'node:stream'
import { Busboy } from '@fastify/busboy'
import { httpErrors } from './errors.ts'

/** A request's parameters whatever shape they came in; JSON bodies may hold more than text. */
export type Parameters = Record<string, unknown>

/**
 * Reads the body of a POST or PUT as parameters: form, multipart, JSON, or nothing (rest-api reference §1 rule 1).
 * @throws bad_request (400, final) for a body that is not what its content type says
 */
export async function bodyParameters(contentType: string | undefined, body: Buffer): Promise<Parameters> {
  if (body.length === 0) return {}
  const type = (contentType ?? '').split(';', 1)[0].trim().toLowerCase()
  if (type === 'multipart/form-data') return multipartParameters(contentType!, body)
  if (type === 'application/json') return jsonParameters(body)
  if (type === '' || type === 'application/x-www-form-urlencoded')
    return formParameters(body.toString('utf8'))
  return {}
}

/** Percent-encoded pairs; the last value of a repeated name wins. */
export function formParameters(text: string): Parameters {
  return Object.fromEntries(new URLSearchParams(text))
}

function jsonParameters(body: Buffer): Parameters {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw httpErrors.bad_request(`the request body is not valid JSON: ${(error as Error).message}`, error)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Parameters
  throw httpErrors.bad_request('the request body must be a JSON object')
}

function multipartParameters(contentType: string, body: Buffer): Promise<Parameters> {
  return new Promise((resolve, reject) => {
    const refuse = (error: unknown) =>
      reject(httpErrors.bad_request(`the multipart body cannot be read: ${(error as Error).message}`, error))
    const parameters: Parameters = {}
    try {
      const parser = new Busboy({
        headers: { 'content-type': contentType },
        limits: { fieldSize: 16 * 1024 * 1024, fields: 200, files: 20 },
      })
      parser.on('field', (name, value) => {
        parameters[name] = value
      })
      parser.on('file', (name, stream) => {
        const parts: Buffer[] = []
        stream.on('data', (part: Buffer) => parts.push(part))
        stream.on('end', () => {
          parameters[name] = Buffer.concat(parts).toString('utf8')
        })
      })
      parser.on('finish', () => resolve(parameters))
      parser.on('error', refuse)
      Readable.from([body]).pipe(parser)
    } catch (error) {
      refuse(error)
    }
  })
}

/** Text of a parameter; empty and absent are the same: "not given" (rule 2). A zero byte is refused: no database keeps it. */
export function textOf(parameters: Parameters, name: string): string | undefined {
  const value = parameters[name]
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'string') {
    if (value.includes('\0')) throw httpErrors.bad_request(`parameter ${name} holds a zero byte`)
    return value
  }
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  throw httpErrors.bad_request(`parameter ${name} must be text`)
}

/** Whole number, or undefined when not given. @throws bad_request outside least … most */
export function integerOf(
  parameters: Parameters,
  name: string,
  { least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER } = {},
): number | undefined {
  const text = textOf(parameters, name)
  if (text === undefined) return undefined
  const value = Number(text)
  if (/^[+-]?\d+$/.test(text.trim()) && value >= least && value <= most) return value
  throw httpErrors.bad_request(
    `parameter ${name} must be a whole number from ${least} to ${most}, not '${text}'`,
  )
}

/** true/false as Ruby, and True/False as Python, write them. */
export function booleanOf(parameters: Parameters, name: string): boolean | undefined {
  const text = textOf(parameters, name)
  if (text === undefined) return undefined
  if (/^(true|1|yes)$/i.test(text)) return true
  if (/^(false|0|no)$/i.test(text)) return false
  throw httpErrors.bad_request(`parameter ${name} must be true or false, not '${text}'`)
}
