import type { JavaScriptFunction } from '../functions/types.ts'

/** What the engine's own tests register: each kind of function once. */
export const javaScriptFunctions: JavaScriptFunction[] = [
  {
    name: 'test_upper',
    parameters: ['VARCHAR'],
    returns: 'VARCHAR',
    run: (text) => String(text).toUpperCase(),
  },
  {
    name: 'test_or_none',
    parameters: ['VARCHAR'],
    returns: 'VARCHAR',
    handlesNull: true,
    run: (text) => (text === null ? 'none' : text),
  },
  {
    name: 'test_error_bigint',
    parameters: ['VARCHAR'],
    returns: 'BIGINT',
    run: (text) => {
      throw new Error(String(text))
    },
  },
  { name: 'test_next', parameters: ['BIGINT'], returns: 'BIGINT', run: (n) => (n as bigint) + 1n },
  {
    name: 'test_hang',
    parameters: ['BIGINT'],
    returns: 'BIGINT',
    run: () => {
      for (;;);
    },
  },
]
