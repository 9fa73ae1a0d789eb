import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checksumOf, createLedger, keyOf, keysIn, type Promised, settle } from './ledger.ts'

const [first, second] = [keyOf('writer', 1), keyOf('writer', 2)]
const row = (key: string, rows = 1) => ({ key, value: checksumOf(key), rows })
function accountOf(promised: Promised, acknowledged: string[], sent = [first, second]) {
  const ledger = createLedger('writer', 'table', promised)
  ledger.sending(sent)
  ledger.acknowledged(acknowledged)
  return ledger
}

describe('the account of the fault test notices', () => {
  test('an acknowledged event that is not there, and not one whose fate was unknown', () => {
    for (const promised of ['once', 'bounded'] as const) {
      assert.deepEqual(settle(accountOf(promised, [first]), []).lost, [first])
      assert.deepEqual(settle(accountOf(promised, [first]), [row(first)]).lost, [])
    }
  })

  test('an event with an id that is there twice, however often it was sent', () => {
    const ledger = accountOf('once', [first], [first, first, first])
    assert.deepEqual(settle(ledger, [row(first, 3)]).doubled, [first, first])
    assert.deepEqual(settle(ledger, [row(first)]).doubled, [])
  })

  test('an event without an id that is there more often than it was sent, or less often than acknowledged', () => {
    const ledger = accountOf('bounded', [first, first], [first, first, first])
    assert.deepEqual(settle(ledger, [row(first, 4)]).doubled, [first])
    assert.deepEqual(settle(ledger, [row(first, 3)]).doubled, [])
    assert.deepEqual(settle(ledger, [row(first, 1)]).lost, [first])
  })

  test('what was never sent, and a value that was changed on the way', () => {
    const found = settle(accountOf('once', []), [row(keyOf('other', 7)), { ...row(first), value: 1 }])
    assert.deepEqual([found.foreign, found.changed], [[keyOf('other', 7)], [first]])
  })

  test('as lost only what was not destroyed by the test itself', () => {
    const ledger = accountOf('once', [first, second])
    ledger.units.get(first)!.damaged++
    assert.deepEqual(settle(ledger, []).lost, [second])
    assert.deepEqual(settle(ledger, [row(first, 2), row(second)]).doubled, [first])
  })
})

test('keys are found in any bytes', () => {
  assert.deepEqual(keysIn(`\x81${first}\xff{"k":"${second}"}~no~`), [first, second])
})
