// The control ring as bytes: every message of Xen public/io/netif.h with the status that Linux's netback gives.
import { MICROSOFT_RSS_KEY } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { RawControl } from './raw-control.js'
import { RawFrontend } from './raw-frontend.js'

const [GET_FLAGS, SET_FLAGS, SET_KEY, GET_SIZE, SET_SIZE, SET_MAPPING, SET_ALGORITHM] = [1, 2, 3, 4, 5, 6, 7]
const [SUCCESS, NOT_SUPPORTED, INVALID] = [0, 1, 2]

async function connected(queues = 2): Promise<{ raw: RawFrontend; control: RawControl }> {
  const raw = await RawFrontend.make({ maxQueues: queues })
  const control = new RawControl(raw)
  const each = Array.from({ length: queues }, (_, index) =>
    raw.queueKeys(queues === 1 ? '' : `queue-${index}/`),
  )
  await raw.connect(
    Object.assign({ 'multi-queue-num-queues': String(queues) }, control.keys, ...each) as Record<
      string,
      string
    >,
  )
  expect((await raw.told()).state).toBe('4')
  return { raw, control }
}

/** Status and data of each request in turn. */
async function answers(
  control: RawControl,
  asked: readonly (readonly number[])[],
): Promise<readonly number[][]> {
  const got: number[][] = []
  for (const [type, ...data] of asked) {
    const { status, data: told } = await control.ask(type, ...data)
    got.push([status, told])
  }
  return got
}

describe('control ring: messages and statuses', () => {
  it('an answer bears the id and the type of its request', async () => {
    const { control } = await connected()
    expect(await control.ask(GET_SIZE)).toEqual({ id: 1000, type: GET_SIZE, status: SUCCESS, data: 128 })
    expect(await control.ask(GET_FLAGS)).toEqual({
      id: 1001,
      type: GET_FLAGS,
      status: NOT_SUPPORTED,
      data: 0,
    })
  })

  it('flags: not supported without an algorithm, then all four; set only with one, and no others', async () => {
    const { control, raw } = await connected()
    const { hash } = raw.vif
    expect(
      await answers(control, [
        [SET_FLAGS, 0xf],
        [SET_ALGORITHM, 1],
        [GET_FLAGS],
        [SET_FLAGS, 0x10],
        [SET_FLAGS, 0x3],
        [SET_FLAGS, 0xffffffff],
      ]),
    ).toEqual([
      [INVALID, 0],
      [SUCCESS, 0],
      [SUCCESS, 0xf],
      [INVALID, 0],
      [SUCCESS, 0],
      [INVALID, 0],
    ])
    expect(hash.flags).toBe(3)
  })

  it('algorithm: none and Toeplitz, no other', async () => {
    const { control, raw } = await connected()
    expect(
      await answers(control, [
        [SET_ALGORITHM, 2],
        [SET_ALGORITHM, 1],
        [SET_ALGORITHM, 0xffffffff],
      ]),
    ).toEqual([
      [INVALID, 0],
      [SUCCESS, 0],
      [INVALID, 0],
    ])
    expect(raw.vif.hash.wanted).toBe(true)
    expect(await answers(control, [[SET_ALGORITHM, 0], [GET_FLAGS]])).toEqual([
      [SUCCESS, 0],
      [NOT_SUPPORTED, 0],
    ])
  })

  it('key: 40 bytes at most (INVALID_PARAMETER as Linux, not BUFFER_OVERFLOW), by a grant that must be one', async () => {
    const { control } = await connected()
    const ref = control.page(MICROSOFT_RSS_KEY)
    expect(
      await answers(control, [
        [SET_KEY, ref, 40],
        [SET_KEY, ref, 41],
        [SET_KEY, ref, 0xffffffff],
        [SET_KEY, 60_000, 40],
        [SET_KEY, 60_000, 0],
      ]),
    ).toEqual([
      [SUCCESS, 0],
      [INVALID, 0],
      [INVALID, 0],
      [INVALID, 0],
      [SUCCESS, 0],
    ])
  })

  it('table: up to 128 entries, each of a queue that there is; a bad one leaves the old table whole', async () => {
    const { control, raw } = await connected(2)
    const { hash } = raw.vif
    expect(
      await answers(control, [
        [SET_SIZE, 129],
        [SET_SIZE, 128],
        [SET_MAPPING, control.words([1, 0, 1]), 3, 0],
      ]),
    ).toEqual([
      [INVALID, 0],
      [SUCCESS, 0],
      [SUCCESS, 0],
    ])
    expect([...hash.mapping.slice(0, 4)]).toEqual([1, 0, 1, 0])
    expect(await answers(control, [[SET_MAPPING, control.words([0, 2, 0]), 3, 0]])).toEqual([[INVALID, 0]])
    expect([...hash.mapping.slice(0, 4)]).toEqual([1, 0, 1, 0])
    expect(
      await answers(control, [
        [SET_MAPPING, control.words([1]), 1, 127],
        [SET_SIZE, 2],
      ]),
    ).toEqual([
      [SUCCESS, 0],
      [SUCCESS, 0],
    ])
    expect([...hash.mapping.slice(0, 4), hash.mapping[127]]).toEqual([0, 0, 1, 0, 1])
  })

  it.each([
    ['one entry beyond the table', 1, 128],
    ['more entries than the table has', 129, 0],
    ['more than a page of them', 1025, 0],
    ['offset and length that add up past 2^32 (XSA-270)', 0x80, 0xffffff81],
    ['the largest of both (XSA-270)', 0xffffffff, 0xffffffff],
  ])('table: %s is refused', async (_name, count, first) => {
    const { control } = await connected()
    const ref = control.words(Array.from({ length: 1024 }, () => 0))
    expect(
      await answers(control, [
        [SET_SIZE, 128],
        [SET_MAPPING, ref, count, first],
      ]),
    ).toEqual([
      [SUCCESS, 0],
      [INVALID, 0],
    ])
  })

  it.each([[0], [11], [0xffff]])('type %i is not supported', async (type) => {
    const { control } = await connected()
    expect(await answers(control, [[type, 1, 2, 3]])).toEqual([[NOT_SUPPORTED, 0]])
  })

  it('a ring full of requests is answered whole, and goes on past its end', async () => {
    const { control } = await connected()
    for (let round = 1; round <= 3; round++) {
      for (let i = 0; i < 128; i++) control.write(GET_SIZE, [])
      await control.publish(128 * round)
      expect(control.answered).toBe(128 * round)
    }
    expect(control.answer(3 * 128 - 1)).toEqual({
      id: 1000 + 383,
      type: GET_SIZE,
      status: SUCCESS,
      data: 128,
    })
  })
})

const [GET_GRANTS, ADD_GRANTS, DEL_GRANTS] = [8, 9, 10]

describe('control ring: static grants (commands 8 to 10)', () => {
  /** A list of entries {gref u32, flags u16, status u16} in a page that the backend may write. */
  function listOf(raw: RawFrontend, entries: readonly (readonly [ref: number, flags: number])[]) {
    const { extent, grants } = raw.guest
    const arena = extent.allocPages(1)
    for (const [index, [ref, flags]] of entries.entries()) {
      extent.view.setUint32(arena.offset + 8 * index, ref, true)
      extent.view.setUint16(arena.offset + 8 * index + 4, flags, true)
      extent.view.setUint16(arena.offset + 8 * index + 6, 0xbeef, true)
    }
    const status = (index: number): number => extent.view.getUint16(arena.offset + 8 * index + 6, true)
    return { ref: grants.grant(0, arena.pages[0], 'rw'), status }
  }

  function pages(raw: RawFrontend, count: number): readonly number[] {
    const { extent, grants } = raw.guest
    return extent.allocPages(count).pages.map((page) => grants.grant(0, page, 'ro'))
  }

  it('size, add and remove of a queue that there is; each entry removed says whether it was mapped', async () => {
    const { control, raw } = await connected(2)
    const before = raw.driver.resources().mappings
    const [one = 0, two = 0, three = 0] = pages(raw, 3)
    const list = listOf(raw, [
      [one, 1],
      [two, 1],
    ])
    expect(
      await answers(control, [
        [GET_GRANTS, 0],
        [GET_GRANTS, 2],
        [ADD_GRANTS, 0, list.ref, 2],
      ]),
    ).toEqual([
      [SUCCESS, 1024],
      [INVALID, 0],
      [SUCCESS, 0],
    ])
    expect(raw.driver.resources().mappings - before).toBe(2)
    expect(raw.vif.queues.map(({ statics }) => statics?.size ?? 0)).toEqual([2, 0])
    const gone = listOf(raw, [
      [three, 0],
      [two, 0],
      [one, 0],
      [one, 0],
    ])
    expect(await answers(control, [[DEL_GRANTS, 0, gone.ref, 4]])).toEqual([[SUCCESS, 2]])
    expect([0, 1, 2, 3].map(gone.status)).toEqual([INVALID, SUCCESS, SUCCESS, INVALID])
    expect(raw.driver.resources().mappings).toBe(before)
    expect(raw.vif.queues[0]?.statics).toBeNull()
  })

  it.each([
    [
      'a reference of nobody',
      (good: number) => [
        [good, 1],
        [4000, 1],
      ],
    ],
    [
      'a reference twice',
      (good: number) => [
        [good, 1],
        [good, 1],
      ],
    ],
    [
      'a reference beyond every table',
      (good: number) => [
        [good, 1],
        [0xffffffff, 1],
      ],
    ],
    ['a flag that there is none of', (good: number) => [[good, 3]]],
    ['a page that may only be read, to be written', (good: number) => [[good, 0]]],
  ] as const)('add: %s, and none of the list is mapped', async (_name, made) => {
    const { control, raw } = await connected(2)
    const before = raw.driver.resources().mappings
    const [good = 0] = pages(raw, 1)
    const entries = made(good) as [number, number][]
    const list = listOf(raw, entries)
    expect(await answers(control, [[ADD_GRANTS, 0, list.ref, entries.length]])).toEqual([[INVALID, 0]])
    expect(raw.driver.resources().mappings).toBe(before)
  })

  it.each([
    ['a queue that there is not', 2, 1],
    ['more entries than a page has', 0, 513],
    ['2^32 - 1 entries', 0, 0xffffffff],
  ])('add and remove: %s is refused', async (_name, queue, count) => {
    const { control, raw } = await connected(2)
    const { ref } = listOf(raw, [])
    expect(
      await answers(control, [
        [ADD_GRANTS, queue, ref, count],
        [DEL_GRANTS, queue, ref, count],
      ]),
    ).toEqual([
      [INVALID, 0],
      [INVALID, 0],
    ])
  })

  it('when the frontend goes, nothing is mapped any more', async () => {
    const { control, raw } = await connected(2)
    const list = listOf(
      raw,
      pages(raw, 5).map((ref) => [ref, 1]),
    )
    expect(await answers(control, [[ADD_GRANTS, 1, list.ref, 5]])).toEqual([[SUCCESS, 0]])
    await raw.write({ state: '6' })
    await raw.pass(5)
    expect(raw.vif.queues.map(({ statics }) => statics)).toEqual([null, null])
    expect(raw.driver.resources().mappings).toBe(1)
  })
})

describe('control ring: a hostile frontend', () => {
  it.each([
    ['2^31 requests', 0x80000000],
    ['2^32 - 1 requests', 0xffffffff],
    ['one more than the ring holds', 129],
  ])('%s: answers none, works no longer than once, and ends the vif', async (_name, producer) => {
    const { control, raw } = await connected()
    const { engine } = raw.driver
    const before = engine.charged('slot')
    await control.publish(producer)
    for (let again = 0; again < 5; again++) await control.publish(producer)
    expect(control.answered).toBe(0)
    expect(engine.charged('slot') - before).toBe(0)
    expect(raw.vif.disabled).toBe('impossible number of control requests')
    expect(raw.vif.fatals).toBe(1)
  })

  it('a ring without a channel is no connection', async () => {
    const raw = await RawFrontend.make()
    const { 'ctrl-ring-ref': ref = '' } = new RawControl(raw).keys
    await raw.connect({ ...raw.queueKeys(''), 'ctrl-ring-ref': ref })
    expect(await raw.told()).toMatchObject({
      state: '5',
      error: expect.stringContaining('event-channel-ctrl is missing'),
    })
  })

  it('when the frontend goes, its key, table and algorithm go too, and nothing of it is held', async () => {
    const raw = await RawFrontend.make({ maxQueues: 2 })
    await raw.pass(1)
    const { mappings, ports, pages } = raw.driver.resources()
    const control = new RawControl(raw)
    await raw.connect({ ...raw.queueKeys(''), ...control.keys })
    await answers(control, [
      [SET_ALGORITHM, 1],
      [SET_FLAGS, 15],
      [SET_SIZE, 8],
    ])
    await raw.write({ state: '6' })
    await raw.pass(5)
    expect(raw.driver.resources()).toMatchObject({ mappings, ports, pages })
    expect(raw.vif.hash).toMatchObject({ algorithm: 0, flags: 0, size: 0 })
  })
})
