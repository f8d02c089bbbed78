// The frontend's control ring against a backend of raw words (XSA-376: what it answers is not believed).
import { CleanupStack, Hypervisor, MappedPage, settle, VirtualClock } from '@netaccel/xen'
import { describe, expect, it } from 'vitest'
import { ControlRing } from './control-ring.js'

const [REQ_PROD, RSP_PROD, SLOTS, SLOT] = [0, 8, 64, 16]
const GET_HASH_MAPPING_SIZE = 4

async function world() {
  const clock = new VirtualClock()
  const hypervisor = new Hypervisor({ timeline: clock, machine: { bytes: 4 << 20 } })
  const driver = await settle(clock, hypervisor.createDomain({ name: 'driver', pages: 64 }))
  const guest = await settle(clock, hypervisor.createDomain({ name: 'guest', pages: 64 }))
  const before = guest.resources()
  const cleanup = new CleanupStack()
  const ring = new ControlRing(guest, 0, cleanup)
  const page = driver.grantOps.map(guest.id, ring.keys.ringRef, 'rw')
  if (!(page instanceof MappedPage)) throw new Error('the ring cannot be mapped')
  const port = driver.events.bindInterdomain(guest.id, ring.keys.eventChannel, () => {}) ?? 0
  await clock.run()
  const { view } = page
  /** {id u16, type u16, status u32, data u32} of slot `index`; all up to `producer` are shown. */
  const answer = (
    index: number,
    producer: number,
    words: readonly [number, number, number, number],
  ): void => {
    const at = SLOTS + SLOT * (index & 127)
    view.setUint16(at, words[0], true)
    view.setUint16(at + 2, words[1], true)
    view.setUint32(at + 4, words[2], true)
    view.setUint32(at + 8, words[3], true)
    view.setUint32(RSP_PROD, producer, true)
    driver.events.notify(port)
  }
  const close = async (): Promise<void> => {
    driver.grantOps.unmap(page)
    await cleanup.run()
  }
  /** What becomes of a request: its data, or the error's code. */
  const ask = (type: number, data: readonly number[] = []): Promise<unknown> =>
    ring.ask(type, data).catch((error: unknown) => (error as { code: string }).code)
  const outcomes = (asked: readonly Promise<unknown>[]): Promise<unknown[]> =>
    settle(clock, Promise.all(asked))
  return { guest, before, view, answer, close, ask, outcomes }
}

describe('the frontend of a control ring', () => {
  it('writes {id u16, type u16, data u32 x 3}, and resolves with the data of the answer to that id', async () => {
    const { ask, view, answer, outcomes, close, guest, before } = await world()
    const asked = [ask(GET_HASH_MAPPING_SIZE), ask(6, [7, 0xfffffffe, 3])]
    expect(view.getUint32(REQ_PROD, true)).toBe(2)
    expect(Array.from({ length: 16 }, (_, i) => view.getUint8(SLOTS + SLOT + i))).toEqual([
      1, 0, 6, 0, 7, 0, 0, 0, 0xfe, 0xff, 0xff, 0xff, 3, 0, 0, 0,
    ])
    // In the other order.
    answer(0, 1, [1, 6, 2, 0])
    answer(1, 2, [0, GET_HASH_MAPPING_SIZE, 0, 128])
    expect(await outcomes(asked)).toEqual([128, 'REFUSED'])
    await close()
    expect(guest.resources()).toEqual(before)
  })

  it.each([
    ['an id that was not asked', 1, [9, GET_HASH_MAPPING_SIZE, 0, 128]],
    ['another type than was asked', 1, [0, 5, 0, 128]],
    ['more than was asked', 3, [0, GET_HASH_MAPPING_SIZE, 0, 128]],
    ['2^31 answers', 0x80000000, [0, GET_HASH_MAPPING_SIZE, 0, 128]],
  ] as const)(
    '%s: every request fails, no more are made, nothing is kept',
    async (_name, producer, words) => {
      const { ask, answer, outcomes, close, guest, before, view } = await world()
      const asked = [ask(GET_HASH_MAPPING_SIZE), ask(1)]
      answer(0, producer, [...words])
      expect(await outcomes(asked)).toEqual(['BAD_BACKEND', 'BAD_BACKEND'])
      expect(await outcomes([ask(1)])).toEqual(['BAD_BACKEND'])
      expect(view.getUint32(REQ_PROD, true)).toBe(2)
      await close()
      expect(guest.resources()).toEqual(before)
    },
  )

  it('64 requests can wait; a backend that goes leaves none waiting', async () => {
    const { ask, outcomes, close } = await world()
    const asked = Array.from({ length: 65 }, () => ask(1))
    await close()
    const codes = await outcomes(asked)
    expect(codes.slice(0, 64)).toEqual(Array.from({ length: 64 }, () => 'CLOSED'))
    expect(codes[64]).toBe('BAD_STATE')
  })
})
