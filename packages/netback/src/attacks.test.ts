// docs/netif.md §5: a hostile frontend that speaks raw bytes, by the numbers of Xen's security advisories.
import { describe, expect, it } from 'vitest'
import type { RawGuest, TxSlot } from './testing/raw-guest.js'
import { EXTRA, GSO_EXTRA, MORE } from './testing/raw-guest.js'
import { plainBytes, RawWorld } from './testing/raw-world.js'

/** What a test may look at inside a queue. */
interface Inside {
  readonly batch: { run(): number }
}

async function attacked(frames = 256) {
  const world = await RawWorld.make({ smallFrames: frames })
  const bare = world.driver.resources()
  // Beside the vif: the store, which is in this domain, has a channel and a page of the guest's.
  const before = { ...bare, ports: bare.ports + 1, mappings: bare.mappings + 1 }
  const { guest, vif } = await world.connected()
  for (let page = 0; page < 24; page++) guest.fill(page, plainBytes(4096, page))
  return { world, guest, vif, queue: vif.queues[0], before }
}

/** The guest leaves, and the toolstack takes the device away: what the driver domain then has. */
async function gone(world: RawWorld, guest: RawGuest) {
  for (const state of ['5', '6']) {
    await world.settle(guest.state(state))
    await world.run(5)
  }
  await world.unplug(guest)
  return world.driver.resources()
}

/** Another guest of the same driver domain is served. */
async function serves(world: RawWorld): Promise<boolean> {
  const { guest } = await world.connected()
  guest.fill(0, plainBytes(60))
  guest.send({ size: 60 })
  await world.run(5)
  return guest.answers().length === 1
}

describe('a hostile frontend', () => {
  it.each([257, 0x7fffffff, 0x80000000, 0xffffffff])(
    'XSA-39: a producer %d requests ahead stops the vif, leaks nothing and holds up nobody',
    async (ahead) => {
      const { world, guest, vif, queue, before } = await attacked()
      guest.tx.reqProd = (guest.start + ahead) >>> 0
      guest.kick()
      await world.run()
      expect(vif.disabled).toBe('impossible number of requests')
      expect([queue.frames.free, await serves(world)]).toEqual([queue.frames.size, true])
      const after = await gone(world, guest)
      // The other guest's vif is there still: one queue's worth of everything.
      expect(after.grants).toBe(before.grants)
    },
  )

  it('XSA-39: a chain that breaks off after many good packets leaks none of them', async () => {
    const { world, guest, vif, queue } = await attacked()
    for (let i = 0; i < 100; i++) guest.write({ size: 60 })
    guest.send({ size: 60, flags: MORE })
    await world.run()
    expect([vif.disabled, guest.answers().length]).toEqual(['asked for more slots than there are', 100])
    expect([world.forwarded.length, queue.frames.free]).toEqual([100, queue.frames.size])
  })

  it('XSA-155: requests that change between the check and the copy change nothing', async () => {
    const { world, guest, vif, queue } = await attacked()
    const { batch } = queue as unknown as Inside
    const run = batch.run.bind(batch)
    batch.run = () => {
      for (let i = 0; i < 256; i++) {
        const at = guest.tx.at(i)
        for (let byte = 0; byte < 12; byte += 4) guest.tx.view.setUint32(at + byte, 0xffff_ffff, true)
      }
      return run()
    }
    guest.write({ size: 60, id: 11 }, { size: 200, id: 12, flags: MORE }, { size: 100, id: 13 })
    guest.tx.publish()
    guest.kick()
    await world.run()
    expect(guest.answers()).toEqual([11, 12, 13].map((id) => ({ id, status: 0 })))
    expect(world.forwarded.map(({ bytes }) => bytes)).toEqual([
      plainBytes(4096, 0).slice(0, 60),
      [...plainBytes(4096, 1).slice(0, 100), ...plainBytes(4096, 2).slice(0, 100)],
    ])
    expect(vif.disabled).toBeNull()
  })

  it('XSA-155: pages that change after the copy change no frame', async () => {
    const { world, guest } = await attacked()
    world.keep = true
    guest.send({ size: 60 })
    await world.run()
    guest.fill(
      0,
      Array.from({ length: 60 }, () => 0),
    )
    const [frame] = world.kept
    expect([...frame.bytes.subarray(frame.offset, frame.offset + 60)]).toEqual(
      plainBytes(4096, 0).slice(0, 60),
    )
  })

  it('XSA-216: nothing of the driver domain stands in an answer, of any kind and in either ring', async () => {
    const { world, guest, vif } = await attacked()
    const { bytes } = guest.domain.extent
    for (const ring of [guest.tx, guest.rx]) bytes.fill(0xa5, ring.page.offset + 64, ring.page.offset + 4096)
    guest.send({ size: 60, flags: EXTRA, id: 0xa5a5 }, GSO_EXTRA(1448, 1), { size: 3, id: 0xa5a5 })
    guest.post(2)
    world.deliver(vif, plainBytes(60))
    await world.run()
    const { view } = guest.tx
    const word = (index: number, at: number): number =>
      view.getUint32(guest.tx.at(guest.start + index) + at, true)
    expect([0, 1, 2].map((index) => word(index, 0))).toEqual([0x0000a5a5, 0x00010000, 0xffffa5a5])
    // Behind an answer's four bytes stands what the guest wrote, or what stood there before.
    expect([word(0, 8), word(1, 4), word(1, 8), word(2, 8)]).toEqual([
      0x003ca5a5, 0x00000001, 0xa5a5a5a5, 0x0003a5a5,
    ])
    const at = guest.rx.at(guest.start)
    expect([view.getUint32(at, true), view.getUint32(at + 4, true)]).toEqual([0, 60 << 16])
    expect(bytes[guest.rx.at(guest.start + 2)]).toBe(0xa5)
  })

  it('XSA-331: events that come while the channel goes, or to a vif that was stopped, find nobody and do no harm', async () => {
    const { world, guest, vif, before } = await attacked()
    let kicks = 0
    const storm = (): void => {
      if (guest.domain.events.inUse > 1) guest.kick()
      if (++kicks < 3000) guest.domain.engine.after(2000, storm)
    }
    guest.domain.engine.after(0, storm)
    guest.tx.reqProd = guest.start + 1000
    await world.run()
    expect(vif.disabled).not.toBeNull()
    const after = await gone(world, guest)
    expect([after.ports, after.pages, after.mappings]).toEqual([before.ports, before.pages, before.mappings])
  })

  it('XSA-349: keys that are rewritten without end keep one reading of each waiting', async () => {
    const { world, guest, vif } = await attacked()
    const { store } = world.driver
    let reads = 0
    const read = store.read.bind(store)
    store.read = (path) => {
      if (path.endsWith('request-multicast-control')) reads++
      return read(path)
    }
    const paths = [`${guest.front}/request-multicast-control`, `${guest.front}/state`]
    const writes: Promise<void>[] = []
    for (let i = 0; i < 400; i++) {
      writes.push(guest.domain.store.write(paths[0], String(i & 1)))
      writes.push(guest.domain.store.write(paths[1], '4'))
    }
    await world.settle(Promise.all(writes))
    await world.run(5)
    expect(reads).toBeLessThan(60)
    expect([vif.multicast.filtering, vif.carrier, await serves(world)]).toEqual([true, true, true])
  })

  it.each<[string, Record<string, string>]>([
    ['no such grant', { 'tx-ring-ref': '4000' }],
    ['a reference beyond any table', { 'rx-ring-ref': '4294967295' }],
    ['no such channel', { 'event-channel': '1000' }],
    ['no number', { 'rx-ring-ref': '12x' }],
  ])('XSA-367: rings that cannot be had (%s): told in the store, and nothing is kept', async (_, keys) => {
    const world = await RawWorld.make()
    const guest = await world.guest()
    const before = world.driver.resources()
    await world.settle(guest.connect(keys))
    await world.run(10)
    expect([await world.back(guest, 'state'), world.vif(guest).carrier]).toEqual(['5', false])
    expect(world.driver.resources()).toEqual(before)
    const error = `error/backend/vif/${guest.domain.id}/0/error`
    expect(await world.settle(world.driver.store.read(error))).toMatch(/^22 /)
  })

  it('XSA-362: pages to receive into that cannot be written, and one that stands in two slots, are the guest’s own loss', async () => {
    const { world, guest, vif, queue } = await attacked()
    const [good] = guest.refs
    guest.refs[1] = 0xffff_ffff
    guest.refs[2] = good
    guest.post(3)
    for (let i = 0; i < 3; i++) world.deliver(vif, plainBytes(60, i))
    await world.run()
    expect(guest.received().map(({ status }) => status)).toEqual([60, -3, 60])
    expect([guest.bytes(0, 0, 60), queue.counters.tx_copy_errors, vif.disabled]).toEqual([
      plainBytes(60, 2),
      1,
      null,
    ])
  })

  it('XSA-374: a vif that was stopped for a malformed packet is taken away like any other', async () => {
    const { world, guest, vif, before } = await attacked()
    guest.post(8)
    for (let i = 0; i < 4; i++) world.deliver(vif, plainBytes(60))
    guest.send({ size: 60, flags: EXTRA }, [9, 0, 0, 0, 0, 0, 0, 0])
    await world.run()
    expect(vif.disabled).toBe('invalid extra type')
    const after = await gone(world, guest)
    expect(after).toEqual(before)
  })

  it('XSA-424: what is dropped inside a burst, and so frees a frame there, finds nothing locked', async () => {
    const { world, guest, vif, queue } = await attacked(4)
    // A bridge that sends every frame back to its own guest, who does not want it.
    const owner = vif as unknown as { port: { receiveBurst(frames: readonly never[], count: number): void } }
    owner.port.receiveBurst = (frames, count) => queue.sendBurst(frames, 0, count)
    vif.multicast.filtering = true
    guest.fill(0, [1, ...plainBytes(60).slice(1)])
    for (let i = 0; i < 255; i++) guest.write({ size: 60, gref: guest.refs[0] })
    guest.tx.publish()
    guest.kick()
    await world.run(20)
    expect([guest.answers().length, queue.frames.free]).toEqual([255, queue.frames.size])
    expect(queue.counters.dropped.frames('netback_rx_multicast')).toBe(255)
  })

  it('XSA-432: 19 slots of one byte, shorter together than what is copied at least', async () => {
    const { world, guest, vif } = await attacked()
    const slots: TxSlot[] = Array.from({ length: 19 }, (_, i) => ({
      size: i === 0 ? 19 : i === 18 ? 0 : 1,
      flags: i < 18 ? MORE : 0,
    }))
    guest.send(...slots)
    await world.run()
    expect([guest.answers().map(({ status }) => status), vif.disabled]).toEqual([
      Array.from({ length: 19 }, () => -1),
      null,
    ])
    const fits = slots.map((slot, i) => (i === 0 ? { size: 31, flags: MORE } : slot))
    guest.send(...fits)
    await world.run()
    expect([
      guest.answers().map(({ status }) => status),
      world.forwarded.map(({ bytes }) => bytes.length),
    ]).toEqual([Array.from({ length: 19 }, () => 0), [31]])
  })

  it('the RX producer of a ring that cannot be: the vif is stopped when something waits, with no more work than that', async () => {
    const { world, guest, vif } = await attacked()
    guest.rx.reqProd = (guest.start + 0x80000000) >>> 0
    world.deliver(vif, plainBytes(60))
    await world.run()
    expect([vif.disabled, await serves(world)]).toEqual(['impossible number of receive requests', true])
  })

  it('one page as both rings, and a page to send from that is the ring', async () => {
    const world = await RawWorld.make()
    const guest = await world.guest()
    await world.settle(guest.connect({ 'rx-ring-ref': String(guest.tx.ref) }))
    await world.run(5)
    guest.send({ size: 60, gref: guest.tx.ref })
    await world.run()
    expect([world.forwarded.length, await serves(world)]).toEqual([1, true])
  })

  it('a grant that is taken back before the copy is an error; one that is taken back while mapped is no concern', async () => {
    const { world, guest, vif } = await attacked()
    expect(guest.domain.grants.tryEnd(guest.refs[0])).toBe(true)
    guest.send({ size: 60 })
    await world.run()
    expect([guest.answers().map(({ status }) => status), vif.disabled]).toEqual([[-1], null])
    // A ring page is in use: the guest cannot have it back.
    expect(guest.domain.grants.tryEnd(guest.tx.ref)).toBe(false)
  })

  it('event indices that lie anywhere cost a notification or the guest its own wake-up, nothing else', async () => {
    const { world, guest } = await attacked()
    for (const event of [0, 0x7fffffff, 0xffffffff, guest.start + 200]) {
      guest.tx.rspEvent = event
      guest.rx.rspEvent = event
      guest.send({ size: 60 })
      await world.run()
    }
    expect([guest.answers().length, world.forwarded.length]).toEqual([4, 4])
  })
})
