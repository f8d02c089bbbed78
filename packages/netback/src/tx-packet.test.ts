// The decision list of Linux xenvif_tx_build_gops and xenvif_count_requests, entry by entry.
import { BackRing } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { TxPacket } from './tx-packet.js'

interface Request {
  readonly gref?: number
  readonly offset?: number
  readonly flags?: number
  readonly id?: number
  readonly size: number
}
/** An extra info as its 8 bytes. */
type Extra = readonly number[]

const MORE = 4
const EXTRA = 8

/** A ring near the wrap of its indices that holds these slots; reads the packet at its front. */
function judge(slots: readonly (Request | Extra)[], shown = slots.length) {
  const start = 0xfffffffe
  const bytes = new Uint8Array(new ArrayBuffer(4096))
  const view = new DataView(bytes.buffer)
  const words = new Int32Array(bytes.buffer)
  view.setUint32(0, (start + shown) >>> 0, true)
  view.setUint32(8, start, true)
  slots.forEach((slot, i) => {
    const at = 64 + 12 * (((start + i) >>> 0) & 255)
    if (!('size' in slot)) return bytes.set(slot, at)
    view.setUint32(at, slot.gref ?? 8, true)
    view.setUint16(at + 4, slot.offset ?? 0, true)
    view.setUint16(at + 6, slot.flags ?? 0, true)
    view.setUint16(at + 8, slot.id ?? i, true)
    view.setUint16(at + 10, slot.size, true)
  })
  const ring = BackRing.attach({ view, bytes, words, offset: 0, length: 4096 }, 12)
  if (ring === 'impossible') throw new Error('the ring is impossible')
  const packet = new TxPacket()
  return { verdict: packet.read(ring, ring.unconsumedRequests()), packet }
}

/** A packet of n slots of 100 bytes each. */
function chain(n: number): Request[] {
  return Array.from({ length: n }, (_, i) => ({ size: i === 0 ? 100 * n : 100, flags: i + 1 < n ? MORE : 0 }))
}

const gso = (size: number, type: number, flags = 0): Extra => [
  1,
  flags,
  size & 0xff,
  size >> 8,
  type,
  0,
  0,
  0,
]

describe('one packet of the TX ring', () => {
  it('gives the first slot what the others leave of the total', () => {
    const { verdict, packet } = judge([
      { gref: 9, offset: 10, size: 1500, flags: MORE, id: 77 },
      { gref: 10, offset: 20, size: 400, flags: MORE, id: 78 },
      { gref: 11, offset: 30, size: 100, id: 79 },
    ])
    expect(verdict).toBe('packet')
    expect([packet.total, packet.slots, packet.requests]).toEqual([1500, 3, 3])
    const first = (list: ArrayLike<number>): number[] => Array.from(list).slice(0, 3)
    expect([first(packet.gref), first(packet.offset), first(packet.size), first(packet.id)]).toEqual([
      [9, 10, 11],
      [10, 20, 30],
      [1000, 400, 100],
      [77, 78, 79],
    ])
  })

  it.each([
    [1, 'packet'],
    [18, 'packet'],
    [19, 'packet'],
    [20, 'refused'],
    [21, 'refused'],
    [22, 'fatal'],
  ])('of %d data slots is a %s', (slots, verdict) => {
    const judged = judge(chain(slots))
    expect([judged.verdict, judged.packet.slots]).toEqual([verdict, Math.min(slots, 21)])
    if (verdict === 'refused') expect(judged.packet.reason).toBe('netback_tx_too_many_slots')
    if (verdict === 'fatal') expect(judged.packet.cause).toBe('too many slots')
  })

  it.each<[string, (Request | Extra)[], number | undefined, string]>([
    [
      'more data announced, none there',
      [{ size: 100, flags: MORE }],
      1,
      'asked for more slots than there are',
    ],
    [
      'a later slot across its page',
      [
        { size: 200, flags: MORE },
        { size: 100, offset: 3997 },
      ],
      2,
      'slot crosses its page',
    ],
    ['the first slot across its page', [{ size: 100, offset: 3997 }], 1, 'first slot crosses its page'],
    ['an extra announced, none there', [{ size: 100, flags: EXTRA }], 1, 'missing extra info'],
    ['an extra of type 0', [{ size: 100, flags: EXTRA }, [0, 0, 0, 0, 0, 0, 0, 0]], 2, 'invalid extra type'],
    ['an extra of type 6', [{ size: 100, flags: EXTRA }, [6, 0, 0, 0, 0, 0, 0, 0]], 2, 'invalid extra type'],
    [
      'a second extra announced, none there',
      [{ size: 100, flags: EXTRA }, gso(1448, 1, 1)],
      2,
      'missing extra info',
    ],
    ['a GSO size of 0', [{ size: 100, flags: EXTRA }, gso(0, 1)], 2, 'bad GSO size or type'],
    ['a GSO type of 3', [{ size: 100, flags: EXTRA }, gso(1448, 3)], 2, 'bad GSO size or type'],
  ])('with %s is fatal', (_, slots, shown, cause) => {
    const { verdict, packet } = judge(slots, shown)
    expect([verdict, packet.cause]).toEqual(['fatal', cause])
  })

  it('is refused when its slots hold more than its total, and when too little is left for a header', () => {
    const over = judge([{ size: 300, flags: MORE }, { size: 200, flags: MORE }, { size: 200 }])
    expect([over.verdict, over.packet.reason, over.packet.slots]).toEqual([
      'refused',
      'netback_tx_too_long',
      3,
    ])
    const short = judge([{ size: 113, flags: MORE }, { size: 100 }])
    expect([short.verdict, short.packet.reason]).toEqual(['refused', 'netback_tx_short'])
    expect(judge([{ size: 114, flags: MORE }, { size: 100 }]).verdict).toBe('packet')
    expect(judge([{ size: 13 }]).verdict).toBe('refused')
  })

  it('takes the last of two GSO extras, and zero-length later slots', () => {
    const { verdict, packet } = judge([
      { size: 3000, flags: 3 | MORE | EXTRA },
      gso(0, 9, 1),
      gso(1448, 2),
      { size: 0, flags: MORE },
      { size: 100 },
    ])
    expect([verdict, packet.extras, packet.slots, packet.requests]).toEqual(['packet', 2, 3, 5])
    expect(packet.offload).toEqual({ blank: true, verified: true, gsoSize: 1448, gsoType: 2 })
  })

  it('that changes the multicast list is no packet, whatever else it says', () => {
    const add = judge([{ size: 1, flags: MORE | EXTRA, id: 5 }, [2, 0, 1, 0, 0x5e, 1, 2, 3]])
    expect([add.verdict, add.packet.multicastAdd, add.packet.requests, [...add.packet.multicast]]).toEqual([
      'multicast',
      true,
      2,
      [1, 0, 0x5e, 1, 2, 3],
    ])
    const remove = judge([{ size: 0, flags: EXTRA }, [3, 0, 1, 0, 0x5e, 1, 2, 4]])
    expect([remove.verdict, remove.packet.multicastAdd]).toEqual(['multicast', false])
  })
})
