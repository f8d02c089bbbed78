// docs/netif.md §6.1: slots, extra infos and statuses of what netback writes for a guest.
import type { Frame } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import type { RxHasher } from './rx-writer.js'
import type { RawGuest, RxAnswer } from './testing/raw-guest.js'
import { plainBytes, RawWorld, tcpBytes } from './testing/raw-world.js'

const VALIDATED = 1
const BLANK = 2
const MORE = 4
const EXTRA = 8

const asGso = (frame: Frame): void => {
  frame.checksum = 'blank'
  frame.checksumStart = 34
  frame.checksumOffset = 16
  frame.gsoSize = 1000
  frame.gsoType = 'tcpv4'
  frame.segments = Math.ceil((frame.length - 54) / 1000)
}

/** The bytes of the data slots, which are pages posted in order from page 0 on. */
function joined(guest: RawGuest, answers: readonly RxAnswer[], headroom = 0): number[] {
  return answers.flatMap(({ id, status }) => guest.bytes(id, headroom, status - headroom))
}

describe('§6.1 what a guest receives', () => {
  it.each([
    [1, 1],
    [4096, 1],
    [4097, 2],
    [9014, 3],
  ])('§6.1.1 %d bytes wait for %d slots, no more and no fewer', async (extra, slots) => {
    const length = extra < 60 ? 60 : extra
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    const bytes = plainBytes(length)
    if (slots > 1) guest.post(slots - 1)
    world.deliver(vif, bytes)
    await world.run()
    expect([guest.received(), vif.queues[0].queued]).toEqual([[], 1])
    guest.post(1, slots - 1, slots - 1)
    await world.run()
    const answers = guest.received()
    expect(answers.map(({ id, offset }) => [id, offset])).toEqual(
      Array.from({ length: slots }, (_, id) => [id, 0]),
    )
    expect(answers.map(({ flags }) => flags)).toEqual(
      Array.from({ length: slots }, (_, i) => (i + 1 < slots ? MORE : 0)),
    )
    expect(joined(guest, answers)).toEqual(bytes)
  })

  it('§6.1.2 GSO: the extra info behind slot 0, one slot more; each response in the slot of its request', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    const bytes = tcpBytes(5000)
    guest.post(2, 0, 40)
    world.deliver(vif, bytes, asGso)
    await world.run()
    expect(guest.received()).toEqual([])
    guest.post(1, 2, 42)
    await world.run()
    const [first, extra, last] = guest.received()
    expect([first.slot, extra.slot, last.slot]).toEqual([0xf0, 0xf1, 0xf2])
    expect([first.id, first.flags, first.status]).toEqual([40, BLANK | VALIDATED | MORE | EXTRA, 4096])
    expect(extra.bytes).toEqual([1, 0, 1000 & 0xff, 1000 >> 8, 1, 0, 0, 0])
    expect([last.id, last.flags, last.status]).toEqual([42, 0, 904])
    expect([...guest.bytes(0, 0, 4096), ...guest.bytes(2, 0, 904)]).toEqual(bytes)
  })

  it('§6.1.3 GSO, hash and XDP in this order, MORE on all but the last; a frame waits for the slots of all three', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    const [queue] = vif.queues
    const hasher: RxHasher = { hash: () => true, type: 1, algorithm: 1, value: 0xdeadbeef }
    const inside = queue as unknown as { toGuest: { hasher: RxHasher | null } }
    inside.toGuest.hasher = hasher
    queue.setHeadroom(256)
    const bytes = tcpBytes(4000)
    // 3,840 bytes a page: two data slots, three extra infos.
    guest.post(4)
    world.deliver(vif, bytes, asGso)
    await world.run()
    expect(guest.received()).toEqual([])
    guest.post(1, 4, 4)
    await world.run()
    const answers = guest.received()
    expect(answers.slice(1, 4).map((answer) => answer.bytes)).toEqual([
      [1, 1, 1000 & 0xff, 1000 >> 8, 1, 0, 0, 0],
      [4, 1, 1, 1, 0xef, 0xbe, 0xad, 0xde],
      [5, 0, 0, 1, 0, 0, 0, 0],
    ])
    // The status is where the bytes end, headroom included.
    const data = [answers[0], answers[4]]
    expect(data.map(({ offset, status }) => [offset, status])).toEqual([
      [0, 4096],
      [0, 256 + 160],
    ])
    expect(joined(guest, data, 256)).toEqual(bytes)
  })

  it.each(['none', 'blank', 'verified'] as const)(
    '§6.1.4 the flags of a checksum that is %s',
    async (checksum) => {
      const world = await RawWorld.make()
      const { guest, vif } = await world.connected()
      guest.post(1)
      world.deliver(vif, tcpBytes(100), (frame) => {
        asGso(frame)
        frame.gsoSize = 0
        frame.checksum = checksum
      })
      await world.run()
      const wanted = { none: 0, blank: BLANK | VALIDATED, verified: VALIDATED }[checksum]
      expect(guest.received().map(({ flags }) => flags)).toEqual([wanted])
    },
  )

  it('§6.1.5 a page that cannot be written: the raw grant status stands in its response, the other slots are as they are', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    const [good] = guest.refs
    guest.post(1)
    guest.refs[1] = 4000
    guest.post(1, 1, 1)
    guest.refs[2] = guest.domain.grants.grant(world.driver.id, guest.pages.pages[2], 'ro')
    guest.post(1, 2, 2)
    world.deliver(vif, plainBytes(9000))
    await world.run()
    expect(guest.received().map(({ status, flags }) => [status, flags])).toEqual([
      [4096, MORE],
      [-3, MORE],
      [-1, 0],
    ])
    expect([good, vif.queues[0].counters.tx_copy_errors, vif.disabled]).toEqual([guest.refs[0], 2, null])
  })

  it('§6.1.6 a guest without scatter-gather: one slot, 1518 bytes at most; GSO is cut for it', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected({ 'feature-sg': '0' })
    guest.post(8)
    world.deliver(vif, plainBytes(1519))
    world.deliver(vif, plainBytes(1518))
    world.deliver(vif, tcpBytes(3054), asGso)
    await world.run()
    const answers = guest.received()
    expect(answers.map(({ flags, status }) => [flags, status])).toEqual([
      [0, 1518],
      [0, 1054],
      [0, 1054],
      [0, 1054],
    ])
    expect(vif.queues[0].counters.dropped.frames('netback_rx_too_long')).toBe(1)
  })

  it('§6.1.7 a guest without GSO gets segments, each with its checksum', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected({ 'feature-gso-tcpv4': '0' })
    guest.post(8)
    world.deliver(vif, tcpBytes(2554), asGso)
    await world.run()
    const answers = guest.received()
    expect(answers.map(({ flags, status }) => [flags, status])).toEqual([
      [0, 1054],
      [0, 1054],
      [0, 554],
    ])
    expect(answers.map(({ id, status }) => tcpSum(guest.bytes(id, 0, status)))).toEqual([
      0xffff, 0xffff, 0xffff,
    ])
    // Sequence numbers go on where the one before ended.
    expect(answers.map(({ id }) => guest.bytes(id, 38, 4))).toEqual([
      [0, 0, 0, 1],
      [0, 0, 3, 233],
      [0, 0, 7, 209],
    ])
    expect(vif.queues[0].counters.tx_segmented).toBe(1)
  })

  it('§6.1.8 a guest without checksum offload gets the sum', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected({ 'feature-no-csum-offload': '1' })
    guest.post(1)
    world.deliver(vif, blank(tcpBytes(200)), (frame) => {
      asGso(frame)
      frame.gsoSize = 0
    })
    await world.run()
    const [answer] = guest.received()
    expect([answer.flags, tcpSum(guest.bytes(0, 0, 200))]).toEqual([0, 0xffff])
    expect(vif.queues[0].counters.tx_checksummed).toBe(1)
  })

  it('§6.1.9 headroom that leaves nothing of a page drops what would be sent, and hurts nobody', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    vif.queues[0].setHeadroom(0x7fff)
    guest.post(200)
    world.deliver(vif, plainBytes(60))
    await world.run()
    expect([guest.received(), vif.queues[0].counters.dropped.frames('netback_rx_too_long')]).toEqual([[], 1])
    vif.queues[0].setHeadroom(4000)
    world.deliver(vif, plainBytes(18 * 96))
    world.deliver(vif, plainBytes(18 * 96 + 1))
    await world.run()
    expect([guest.received().length, vif.disabled]).toEqual([19, null])
  })
})

/** IPv4 TCP whose checksum field has the sum of the pseudo-header. */
function blank(bytes: number[]): number[] {
  const length = bytes.length - 34
  const sum = sumOf([...bytes.slice(26, 34), 0, 6, length >> 8, length & 0xff])
  bytes.splice(50, 2, sum >> 8, sum & 0xff)
  return bytes
}

/** 0xffff if the TCP checksum is right. */
function tcpSum(bytes: readonly number[]): number {
  const length = bytes.length - 34
  return sumOf([...bytes.slice(26, 34), 0, 6, length >> 8, length & 0xff, ...bytes.slice(34)])
}

function sumOf(bytes: readonly number[]): number {
  let sum = 0
  bytes.forEach((byte, i) => (sum += i % 2 === 0 ? byte << 8 : byte))
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  return sum
}
