import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { QueryError } from '../errors.ts'
import { divide, modulo, multiply } from './decimals.ts'

describe('decimal arithmetic', () => {
  test('rounds half up, away from zero on both sides', () => {
    assert.equal(divide('1.00', '3.00', 5, 2), '0.33')
    assert.equal(divide('144.67', '2', 6, 2), '72.34')
    assert.equal(divide('-0.5', '1', 2, 0), '-1')
    assert.equal(divide('0.4', '1', 2, 0), '0')
  })

  test('keeps the sign of the dividend in a remainder', () => {
    assert.equal(modulo('-5.5', '2', 2, 1), '-1.5')
    assert.equal(modulo('5.5', '-2', 2, 1), '1.5')
  })

  test('refuses a divisor of zero and more digits than the type has', () => {
    assert.throws(
      () => divide('1', '0.00', 5, 2),
      (error) => error instanceof QueryError && error.errorName === 'DIVISION_BY_ZERO',
    )
    assert.throws(
      () => multiply('99999', '99999', 5, 0),
      (error) => error instanceof QueryError && error.errorName === 'NUMERIC_VALUE_OUT_OF_RANGE',
    )
  })

  test('is off by at most half a unit of the last digit', () => {
    const value = fc.integer({ min: -1_000_000, max: 1_000_000 })
    fc.assert(
      fc.property(value, value, (a, b) => {
        fc.pre(b !== 0)
        const quotient = Number(divide(String(a), String(b), 38, 4))
        assert.ok(Math.abs(quotient - a / b) <= 0.00005 + Number.EPSILON * Math.abs(a / b) * 4)
      }),
    )
  })
})
