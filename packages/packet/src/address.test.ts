import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { formatIp, formatMac, parseIp, parseMac } from './address.js'

describe('addresses', () => {
  it('reads and prints MACs', () => {
    expect([...parseMac('00:16:3E:ff:00:0a')]).toEqual([0, 0x16, 0x3e, 0xff, 0, 0x0a])
    expect(formatMac(Uint8Array.of(9, 0, 0x16, 0x3e, 0xff, 0, 0x0a), 1)).toBe('00:16:3e:ff:00:0a')
  })

  it.each([
    '',
    '00:16:3e:00:00',
    '00:16:3e:00:00:00:00',
    '0:16:3e:00:00:01',
    '00-16-3e-00-00-01',
    '00:16:3e:00:00:0g',
  ])("refuses '%s' as a MAC", (text) => {
    expect(() => parseMac(text)).toThrow('is no MAC address')
  })

  it.each([
    ['192.0.2.1', 'c0000201'],
    ['0.0.0.0', '00000000'],
    ['::', '00000000000000000000000000000000'],
    ['::1', '00000000000000000000000000000001'],
    ['2001:db8::1', '20010db8000000000000000000000001'],
    ['2001:db8:0:1:1:1:1:1', '20010db8000000010001000100010001'],
    ['2001:0:0:1::1', '20010000000000010000000000000001'],
    ['1::', '00010000000000000000000000000000'],
    ['fe80::200:f8ff:fe21:67cf', 'fe800000000000000200f8fffe2167cf'],
  ])('%s is %s, both ways (RFC 5952)', (text, hex) => {
    const bytes = parseIp(text)
    expect(Buffer.from(bytes).toString('hex')).toBe(hex)
    expect(formatIp(bytes)).toBe(text)
    expect(formatIp(Uint8Array.of(1, 2, ...bytes, 3), 2, bytes.length)).toBe(text)
  })

  it('reads IPv4 at the end of IPv6', () => {
    expect(formatIp(parseIp('::ffff:192.0.2.1'))).toBe('::ffff:c000:201')
    expect(formatIp(parseIp('1:2:3:4:5:6:192.0.2.1'))).toBe('1:2:3:4:5:6:c000:201')
  })

  it.each([
    ...[
      '',
      '1.2.3',
      '1.2.3.4.5',
      '256.0.0.1',
      '01.2.3.4',
      '1.2.3.4 ',
      '1e1.0.0.1',
      '-1.0.0.0',
      'a.b.c.d',
      '1..2.3',
    ],
    ...[
      ':',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '12345::',
      'g::',
      'fe80::1%eth0',
      ':1:2:3:4:5:6:7',
    ],
    ...['1:2:3:4:5:6:7::8', '1.2.3.4::', '::1.2.3.4:5', '::256.0.0.1', '1:', '::1:'],
  ])("refuses '%s' as an IP address", (text) => {
    expect(() => parseIp(text)).toThrow(/is no IPv[46] address/)
  })

  it('prints what it reads', () => {
    const address = fc.oneof(
      fc.uint8Array({ minLength: 4, maxLength: 4 }),
      fc.uint8Array({ minLength: 16, maxLength: 16 }),
      fc
        .array(fc.constantFrom(0, 0, 0, 1, 0xab), { minLength: 16, maxLength: 16 })
        .map((a) => Uint8Array.from(a)),
    )
    fc.assert(
      fc.property(address, (bytes) => {
        expect(parseIp(formatIp(bytes))).toEqual(bytes)
      }),
      { seed: 4, numRuns: 500 },
    )
  })
})
