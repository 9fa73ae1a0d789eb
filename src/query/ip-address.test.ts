import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { addressText, readAddress } from './ip-address.ts'

describe('an address', () => {
  const forms: [text: string, shown: string][] = [
    ['1.2.3.4', '1.2.3.4'],
    ['::ffff:1.2.3.4', '1.2.3.4'],
    ['::ffff:102:304', '1.2.3.4'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['2001:0DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['64:ff9b::10.0.0.0', '64:ff9b::a00:0'],
  ]
  for (const [text, shown] of forms) {
    test(`${text} is shown as ${shown}`, () => {
      const bytes = readAddress(text)
      assert.equal(bytes?.length, 16)
      assert.equal(addressText(bytes), shown)
    })
  }

  test('is refused when it is none', () => {
    const wrong = [
      '',
      'x',
      '1.2.3',
      '1.2.3.256',
      '01.2.3.4',
      '1:2:3',
      ':::',
      '1::2::3',
      '1:2:3:4:5:6:7:8:9',
      '12345::',
    ]
    for (const text of wrong) assert.equal(readAddress(text), undefined, text)
  })
})
