import { boundedText, type FunctionDefinition, scalar } from './define.ts'
import { pureFunction } from './javascript-helpers.ts'
import type { JavaScriptFunction } from './types.ts'
import { decodeForm, decodePercent, parameterOf, readUri, type Uri } from './uri.ts'

/** Parts of URLs by the rules of java.net.URI: NULL for a text that is no URI, '' for a part it has not. */

const PARTS: Record<string, (uri: Uri) => string | undefined> = {
  protocol: (uri) => uri.scheme,
  host: (uri) => uri.host,
  path: (uri) => uri.path,
  query: (uri) => uri.rawQuery && decodePercent(uri.rawQuery),
  fragment: (uri) => uri.fragment,
}

export const definitions: FunctionDefinition[] = [
  ...Object.keys(PARTS).flatMap((part) =>
    scalar(`url_extract_${part}(varchar(x)) -> varchar(x)`, `p_url_extract_${part}($1)`),
  ),
  ...scalar('url_extract_port(varchar) -> bigint', 'p_url_extract_port($1)'),
  ...scalar('url_extract_parameter(varchar(x), varchar) -> varchar(x)', 'p_url_extract_parameter($1, $2)'),
  ...scalar('url_encode(varchar(x)) -> varchar', 'p_url_encode($1)', {
    // A character is at most four bytes, an escaped byte three characters.
    result: ({ bindings }) => boundedText(bindings.numbers.get('x'), (x) => x * 12),
  }),
  ...scalar('url_decode(varchar(x)) -> varchar(x)', 'p_url_decode($1)'),
]

export const javascript: JavaScriptFunction[] = [
  ...Object.entries(PARTS).map(([part, read]) =>
    pureFunction(`p_url_extract_${part}(VARCHAR) -> VARCHAR`, (text: string) => {
      const uri = readUri(text)
      return uri === undefined ? null : (read(uri) ?? '')
    }),
  ),
  pureFunction('p_url_extract_port(VARCHAR) -> BIGINT', (text: string) => {
    const port = readUri(text)?.port
    return port === undefined ? null : BigInt(port)
  }),
  pureFunction('p_url_extract_parameter(VARCHAR, VARCHAR) -> VARCHAR', (text: string, name: string) => {
    const uri = readUri(text)
    return (uri && parameterOf(uri, name)) ?? null
  }),
  pureFunction('p_url_decode(VARCHAR) -> VARCHAR', (text: string) => decodeForm(text)),
]
