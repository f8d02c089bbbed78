import { describe, expect, it } from 'vitest'
import { MOST_PEERS, PeerList, Peers } from './peers.js'

function setUp() {
  const view = new DataView(new ArrayBuffer(4096))
  const page = { view, bytes: new Uint8Array(view.buffer), offset: 0, length: 4096 }
  return { list: new PeerList(page), guest: new Peers(page), view }
}

describe('the list of peers', () => {
  it('is what was written last, and each writing shows', () => {
    const { list, guest } = setUp()
    list.write([
      [0x0016, 1],
      [0x0016, 2],
    ])
    expect([guest.has(0x0016, 1), guest.has(0x0016, 2), guest.has(0x0016, 3), guest.version]).toEqual([
      true,
      true,
      false,
      1,
    ])
    list.write([[0x0016, 2]])
    expect([guest.has(0x0016, 1), guest.has(0x0016, 2), guest.version]).toEqual([false, true, 2])
  })

  it('is read to its end at most, whatever count stands there', () => {
    const { guest, view } = setUp()
    view.setUint32(4, 0xffff_ffff, true)
    expect(guest.has(1, 1)).toBe(false)
  })

  it('holds so many and no more', () => {
    const { list, guest } = setUp()
    list.write(Array.from({ length: MOST_PEERS + 1 }, (_, i) => [1, i] as const))
    expect([guest.has(1, MOST_PEERS - 1), guest.has(1, MOST_PEERS)]).toEqual([true, false])
  })
})
