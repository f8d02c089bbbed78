import { describe, expect, it } from 'vitest'
import { Addresses, AddressTable } from './addresses.js'

function setUp() {
  const view = new DataView(new ArrayBuffer(2 * 4096))
  const page = { view, bytes: new Uint8Array(view.buffer), offset: 4096, length: 4096 }
  return { table: new AddressTable(page), guest: new Addresses(page), bytes: page.bytes }
}

describe('the addresses behind the wire', () => {
  it('are read by the guest as the NIC learns and forgets them', () => {
    const { table, guest, bytes } = setUp()
    table.learn(0x0016, 0x3e000001)
    expect([
      guest.has(0x0016, 0x3e000001),
      guest.has(0x0016, 0x3e000002),
      guest.has(0x0017, 0x3e000001),
    ]).toEqual([true, false, false])
    table.forget(0x0016, 0x3e000001)
    expect(guest.has(0x0016, 0x3e000001)).toBe(false)
    // Nothing outside its page.
    expect(bytes.subarray(0, 4096).every((byte) => byte === 0)).toBe(true)
  })

  it('are forgotten when they are not seen for four sweeps', () => {
    const { table, guest } = setUp()
    table.learn(2, 1)
    table.learn(2, 2)
    for (let sweep = 0; sweep < 3; sweep++) table.sweep()
    table.learn(2, 2)
    table.sweep()
    expect([guest.has(2, 1), guest.has(2, 2)]).toEqual([false, true])
  })

  it('make room for new ones, and are never mistaken for each other', () => {
    const { table, guest } = setUp()
    const lows = Array.from({ length: 2000 }, (_, i) => (i * 0x01010101) | 0)
    for (const low of lows) table.learn(2, low)
    expect(guest.has(2, lows[1999])).toBe(true)
    const known = lows.filter((low) => guest.has(2, low)).length
    expect(known).toBeGreaterThan(256)
    expect(known).toBeLessThanOrEqual(512)
    expect(lows.some((low) => guest.has(3, low))).toBe(false)
  })
})
