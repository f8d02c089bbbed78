// docs/netif.md §1.5: what netback does with each TX request, asked by a guest that writes the bytes itself.
import { describe, expect, it } from 'vitest'
import { BLANK, EXTRA, GSO_EXTRA, MORE } from './testing/raw-guest.js'
import type { RawGuest, TxSlot } from './testing/raw-guest.js'
import { plainBytes, RawWorld, tcpBytes } from './testing/raw-world.js'

const OKAY = 0
const ERROR = -1
const NULL = 1

const HASH_EXTRA = (type: number, value: number): number[] => [
  4,
  0,
  type,
  1,
  value & 0xff,
  (value >>> 8) & 0xff,
  (value >>> 16) & 0xff,
  value >>> 24,
]
const MCAST = (type: 2 | 3, last: number): number[] => [type, 0, 1, 0, 0x5e, 0, 0, last]

/** Slots of `sizes` bytes, one page each, as one packet; the first says the sum. */
function chain(sizes: readonly number[], first: Partial<Extract<TxSlot, { size: number }>> = {}): TxSlot[] {
  const total = sizes.reduce((sum, size) => sum + size, 0)
  return sizes.map((size, i) => {
    const flags = i + 1 < sizes.length ? MORE : 0
    return i === 0 ? { size: total, flags, ...first } : { size, flags }
  })
}

const statuses = (guest: RawGuest): number[] => guest.answers().map(({ status }) => status)

async function sent(...slots: readonly TxSlot[]) {
  const world = await RawWorld.make()
  const { guest, vif } = await world.connected()
  for (let page = 0; page < 24; page++) guest.fill(page, plainBytes(4096, page))
  if (slots.length > 0) guest.send(...slots)
  await world.run()
  return { world, guest, vif, counters: vif.queues[0].counters }
}

describe('§1.5 the decisions on a TX packet', () => {
  it('§1.5.1 more requests than the ring holds: fatal', async () => {
    const { guest, vif, world } = await sent()
    guest.tx.reqProd = guest.tx.reqProd + 257
    guest.kick()
    await world.run()
    expect([vif.disabled, guest.tx.rspProd - guest.start]).toEqual(['impossible number of requests', 0])
  })

  it.each<[string, string, TxSlot[]]>([
    ['§1.5.3 an extra announced and not there', 'missing extra info', [{ size: 60, flags: EXTRA }]],
    [
      '§1.5.3 a second extra announced and not there',
      'missing extra info',
      [{ size: 60, flags: EXTRA }, GSO_EXTRA(1448, 1, 1)],
    ],
    ['§1.5.3 extra type 0', 'invalid extra type', [{ size: 60, flags: EXTRA }, [0, 0, 0, 0, 0, 0, 0, 0]]],
    ['§1.5.3 extra type 6', 'invalid extra type', [{ size: 60, flags: EXTRA }, [6, 0, 0, 0, 0, 0, 0, 0]]],
    [
      '§1.5.5 more data announced and not there',
      'asked for more slots than there are',
      [{ size: 60, flags: MORE }],
    ],
    ['§1.5.5 twenty-two slots', 'too many slots', chain(Array.from({ length: 22 }, () => 60))],
    [
      '§1.5.5 a later slot across its page',
      'slot crosses its page',
      [
        { size: 200, flags: MORE },
        { size: 100, offset: 3997 },
      ],
    ],
    ['§1.5.6 the first slot across its page', 'first slot crosses its page', [{ size: 60, offset: 4037 }]],
    ['§1.5.9 GSO size 0', 'bad GSO size or type', [{ size: 60, flags: EXTRA }, GSO_EXTRA(0, 1)]],
    ['§1.5.9 GSO type 3', 'bad GSO size or type', [{ size: 60, flags: EXTRA }, GSO_EXTRA(1448, 3)]],
  ])('%s is fatal', async (_, cause, slots) => {
    const { guest, vif, world } = await sent(...slots)
    expect([vif.disabled, vif.carrier, guest.answers(), world.forwarded]).toEqual([cause, false, [], []])
  })

  it('§1.5.3 a later extra of the same type takes the place of an earlier one', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    guest.fill(0, tcpBytes(3000))
    guest.send({ size: 3000, flags: EXTRA | BLANK | 2 }, GSO_EXTRA(0, 9, 1), GSO_EXTRA(1000, 1))
    await world.run()
    expect([vif.disabled, world.forwarded.map(({ gsoSize }) => gsoSize)]).toEqual([null, [1000]])
    expect(statuses(guest)).toEqual([OKAY, NULL, NULL])
  })

  it('§1.5.4 MCAST_ADD is OKAY 64 times and then an error, MCAST_DEL always OKAY; no packet is made, NULL for each extra', async () => {
    const { guest, vif, world } = await sent()
    const add = (last: number): void => guest.send({ size: 60, flags: EXTRA, id: last }, MCAST(2, last))
    for (let last = 0; last < 65; last++) add(last)
    await world.run()
    expect(statuses(guest)).toEqual([...Array.from({ length: 64 }, () => [OKAY, NULL]), [ERROR, NULL]].flat())
    guest.send({ size: 60, flags: EXTRA, id: 99 }, MCAST(3, 200))
    guest.send({ size: 60, flags: EXTRA, id: 98 }, MCAST(3, 7))
    add(3)
    await world.run()
    expect(statuses(guest)).toEqual([OKAY, NULL, OKAY, NULL, OKAY, NULL])
    expect([vif.multicast.size, world.forwarded]).toEqual([64, []])
  })

  it.each([
    [19, OKAY],
    [20, ERROR],
    [21, ERROR],
  ])('§1.5.5 of %d data slots every one is answered with %d', async (count, status) => {
    const { guest, vif, world } = await sent(...chain(Array.from({ length: count }, () => 60)))
    expect(guest.answers()).toEqual(Array.from({ length: count }, (_, id) => ({ id, status })))
    expect([vif.disabled, world.forwarded.length]).toEqual([null, status === OKAY ? 1 : 0])
  })

  it('§1.5.5 slots that hold more than the first says: an error for each slot and NULL for the extra; the vif lives on', async () => {
    const { guest, vif, world } = await sent(
      { size: 100, flags: MORE | EXTRA },
      GSO_EXTRA(1448, 1),
      { size: 60, flags: MORE, id: 2 },
      { size: 60, id: 3 },
    )
    expect(statuses(guest)).toEqual([ERROR, NULL, ERROR, ERROR])
    guest.send({ size: 60 })
    await world.run()
    expect([vif.disabled, world.forwarded.length]).toEqual([null, 1])
  })

  it('§1.5.6 fewer than 14 bytes left for the first slot: an error for all; 14 pass', async () => {
    const { guest, vif, world } = await sent({ size: 73, flags: MORE }, { size: 60 })
    expect([statuses(guest), vif.disabled]).toEqual([[ERROR, ERROR], null])
    guest.send({ size: 13 }, { size: 74, flags: MORE }, { size: 60 })
    await world.run()
    expect([statuses(guest), world.forwarded.map(({ bytes }) => bytes.length)]).toEqual([
      [ERROR, OKAY, OKAY],
      [74],
    ])
  })

  it('§1.5.7 headers spread over many small slots are one piece, and what the guest writes afterwards is not in it (XSA-423)', async () => {
    const sizes = [14, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 60]
    const world = await RawWorld.make()
    const { guest } = await world.connected()
    sizes.forEach((_, page) => guest.fill(page, plainBytes(64, page)))
    guest.send(...chain(sizes))
    world.keep = true
    await world.run()
    const wanted = sizes.flatMap((size, page) => plainBytes(64, page).slice(0, size))
    sizes.forEach((_, page) =>
      guest.fill(
        page,
        Array.from({ length: 64 }, () => 0xee),
      ),
    )
    const [frame] = world.kept
    expect([...frame.bytes.subarray(frame.offset, frame.offset + frame.length)]).toEqual(wanted)
  })

  it('§1.5.8 an empty later slot is answered OKAY and is no part of the packet (XSA-448)', async () => {
    const { guest, world } = await sent(
      { size: 120, flags: MORE },
      { size: 0, flags: MORE },
      { size: 60, flags: MORE },
      { size: 0, gref: 0xffff_fff0 },
    )
    expect(statuses(guest)).toEqual([OKAY, OKAY, OKAY, OKAY])
    const half = plainBytes(4096, 0).slice(0, 60)
    expect(world.forwarded.map(({ bytes }) => bytes)).toEqual([
      [...half, ...plainBytes(4096, 2).slice(0, 60)],
    ])
  })

  it('§1.5.8 it is answered at once also when the others wait for the frame to leave', async () => {
    const { guest, vif, world } = await sent()
    world.keep = true
    vif.queues[0].answerOnDeparture = true
    guest.send({ size: 120, flags: MORE, id: 5 }, { size: 0, flags: MORE, id: 6 }, { size: 60, id: 7 })
    await world.run()
    expect(guest.answers()).toEqual([{ id: 6, status: OKAY }])
    for (const frame of world.kept) frame.release()
    await world.run()
    expect(guest.answers()).toEqual([
      { id: 5, status: OKAY },
      { id: 7, status: OKAY },
    ])
  })

  it('§1.5.9 GSO without a blank checksum is taken, made blank and counted', async () => {
    const world = await RawWorld.make()
    const { guest, vif } = await world.connected()
    guest.fill(0, tcpBytes(3000))
    guest.send({ size: 3000, flags: EXTRA }, GSO_EXTRA(1448, 1))
    await world.run()
    expect(world.forwarded.map(({ checksum, gsoSize }) => [checksum, gsoSize])).toEqual([['blank', 1448]])
    expect(vif.queues[0].counters.rx_gso_checksum_fixup).toBe(1)
  })

  it.each([
    [0, 0x12345678, 0x12345678],
    [3, 0x92345678, 0x12345678],
    [1, 0, 1],
    [4, 0x12345678, 0],
  ])('§1.5.10 a hash of type %d and value %d is %d of the packet', async (type, value, hash) => {
    const { guest, vif, world } = await sent({ size: 60, flags: EXTRA }, HASH_EXTRA(type, value))
    expect([world.forwarded[0].hash, vif.disabled]).toEqual([hash, null])
    expect(statuses(guest)).toEqual([OKAY, NULL])
  })

  it('§1.5.11 a slot that cannot be copied is an error, its siblings are OKAY, the packet is dropped (XSA-361, XSA-362)', async () => {
    const slots: TxSlot[] = [{ size: 180, flags: MORE }, { size: 60, flags: MORE, gref: 4000 }, { size: 60 }]
    const { guest, vif, world, counters } = await sent(...slots)
    expect([statuses(guest), world.forwarded, vif.disabled]).toEqual([[OKAY, ERROR, OKAY], [], null])
    expect([counters.rx_errors, counters.dropped.frames('netback_tx_copy_failed')]).toEqual([1, 1])
    guest.send({ size: 60, gref: 0xffff_ffff }, { size: 60 })
    await world.run()
    expect([statuses(guest), world.forwarded.length]).toEqual([[ERROR, OKAY], 1])
  })

  it.each([
    ['18 full slots', 18, 60, 0],
    ['19 full slots', 19, 60, 1],
    ['19 slots, the later ones empty', 19, 0, 0],
  ])('§1.5.12 %s: put together, tx_frag_overflow counts it', async (_, count, size, overflow) => {
    const { counters, world } = await sent(...chain([60, ...Array.from({ length: count - 1 }, () => size)]))
    expect([counters.tx_frag_overflow, world.forwarded[0].bytes.length]).toEqual([
      overflow,
      60 + size * (count - 1),
    ])
  })

  it('§1.5.13 an answer echoes the id, whatever it is, in the ring order here; the slots of extras are NULL, every byte written (XSA-216)', async () => {
    const { guest, world } = await sent(
      { size: 60, id: 0xffff },
      { size: 60, id: 7, flags: EXTRA },
      HASH_EXTRA(1, 0xaaaaaaaa),
      { size: 60, id: 7 },
    )
    expect(guest.answers()).toEqual([
      { id: 0xffff, status: OKAY },
      { id: 7, status: OKAY },
      { id: 0, status: NULL },
      { id: 7, status: OKAY },
    ])
    // What lies behind an answer in its slot is what the guest wrote there.
    expect(guest.tx.view.getUint32(guest.tx.at(guest.start) + 4, true)).toBe(0)
    expect(world.forwarded.length).toBe(3)
  })

  it('§1.5.14 fatal: carrier off, the rings are left alone, the state stays; a reconnection makes it good', async () => {
    const { guest, vif, world } = await sent({ size: 60 }, { size: 60, flags: EXTRA })
    // What stood before the fatal request has been answered.
    expect([statuses(guest), vif.disabled, vif.carrier]).toEqual([[OKAY], 'missing extra info', false])
    const reqEvent = guest.tx.reqEvent
    guest.send({ size: 60 })
    guest.post(4)
    world.deliver(vif, plainBytes(60))
    await world.run(10)
    expect([guest.answers(), guest.received(), guest.tx.reqEvent]).toEqual([[], [], reqEvent])
    expect(await world.back(guest, 'state')).toBe('4')
    for (const state of ['5', '6', '1']) {
      await world.settle(guest.state(state))
      await world.run(5)
    }
    guest.renew()
    await world.settle(guest.connect())
    await world.run(5)
    guest.send({ size: 60 })
    await world.run()
    expect([vif.disabled, vif.carrier, statuses(guest)]).toEqual([null, true, [OKAY]])
  })
})
