// One guest's queues, rung by a guest that writes what it likes.
import type { Page, View } from '@netaccel/core'
import { describe, expect, it } from 'vitest'
import {
  BELL_ARM,
  BELL_RX,
  BELL_TX,
  bufferAddress,
  DONE,
  GOOD,
  MISSED,
  PAGE,
  REFUSED,
  RX_RING,
} from '../layout.js'
import { QueuePair } from './queue-pair.js'

function viewOf(pages: number): View {
  const view = new DataView(new ArrayBuffer(pages * PAGE))
  return { view, bytes: new Uint8Array(view.buffer), offset: 0, length: pages * PAGE }
}

function setUp() {
  const rings = { ...viewOf(2), pages: [1, 2] as unknown as Page[] }
  const said: string[] = []
  let bell = (_offset: number, _value: number): void => {}
  const pair = new QueuePair(0, { owner: 1, events: 256, tx: 256, rx: 256, rings }, rings, {
    addressPage: 3 as Page,
    memory: (page) => {
      if (Number(page) !== 7) throw new Error('no page of this guest')
      return viewOf(1)
    },
    ioPage: (written) => {
      bell = written
      return 4 as Page
    },
    sendSoon: () => void said.push('send'),
    posted: () => void said.push('posted'),
    closed: () => void said.push('closed'),
  })
  pair.onWake(() => said.push('woken'))
  return { pair, rings, said, ring: (offset: number, value: number) => bell(offset, value) }
}

describe('a pair of queues', () => {
  it('believes no doorbell that no honest guest rings', () => {
    const { pair, said, ring } = setUp()
    for (const register of [BELL_TX, BELL_RX])
      for (const value of [257, 0x7fff_ffff, -1, 0xffff_ff00]) ring(register, value)
    expect([pair.wantsToSend, pair.canReceive, said]).toEqual([false, false, []])
    ring(BELL_TX, 2)
    ring(BELL_TX, 1)
    expect([pair.takeSend(), pair.takeSend(), pair.wantsToSend, said]).toEqual([0, 1, false, ['send']])
  })

  it('wakes once for each time it is armed, for sends, frames and misses alike', () => {
    const { pair, rings, said, ring } = setUp()
    ring(BELL_TX, 1)
    ring(BELL_RX, 1)
    said.length = 0
    ring(BELL_ARM, 0)
    pair.sent(pair.takeSend(), true)
    pair.received(60, true)
    expect(said).toEqual(['woken'])
    ring(BELL_ARM, 0)
    pair.miss()
    expect(said).toEqual(['woken', 'woken'])
    expect(rings.view.getInt32(4, true)).toBe(DONE | REFUSED)
    expect(rings.view.getInt32(RX_RING + 4, true)).toBe(DONE | GOOD | 60)
    expect(rings.view.getUint32(PAGE + MISSED, true)).toBe(1)
  })

  it('names no page but those that its guest has registered, and those whole', () => {
    const { pair, rings, ring } = setUp()
    expect(pair.register([8 as Page])).toBe(-1)
    const first = pair.register([7 as Page])
    ring(BELL_RX, 3)
    const post = (index: number, address: number): void => {
      rings.view.setUint32(RX_RING + index * 8, address, true)
      rings.view.setUint32(RX_RING + index * 8 + 4, 2048, true)
    }
    post(0, bufferAddress(first, 2048))
    post(1, bufferAddress(first, PAGE - 10))
    post(2, bufferAddress(first + 1, 0))
    const found = [0, 1, 2].map(() => {
      const address = pair.bufferFor(60)
      pair.received(0, false)
      return address
    })
    expect(found).toEqual([bufferAddress(first, 2048), 0, 0])
  })

  it('writes nothing once it is quiet', async () => {
    const { pair, rings, said, ring } = setUp()
    ring(BELL_TX, 1)
    const index = pair.takeSend()
    await pair.quiesce()
    said.length = 0
    pair.sent(index, false)
    ring(BELL_RX, 1)
    expect([pair.canReceive, said, rings.bytes.every((byte) => byte === 0)]).toEqual([false, [], true])
  })
})
