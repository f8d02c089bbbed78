// docs/netif.md §6.1, the frontend's side: what netfront makes of what a backend writes.
import { describe, expect, it } from 'vitest'
import { RawBackend } from './testing/raw-backend.js'
import type { RxSaid } from './testing/raw-backend.js'

const MORE = 4
const EXTRA = 8
const GSO = (mss: number, type: number, more = 0): number[] => [1, more, mss & 0xff, mss >> 8, type, 0, 0, 0]
const XDP = (bytes: number): number[] => [5, 0, bytes & 0xff, bytes >> 8, 0, 0, 0, 0]

function bytes(length: number, first: number): number[] {
  return Array.from({ length }, (_, i) => (first + i * 3) & 0xff)
}

/** Slots of one packet. */
function slots(sizes: readonly number[]): RxSaid[] {
  return sizes.map((status, i) => ({
    status,
    flags: i + 1 < sizes.length ? MORE : 0,
    fill: bytes(status, i),
  }))
}

async function given(...said: readonly (RxSaid | readonly number[])[]) {
  const back = await RawBackend.connected()
  back.deliver(...said)
  await back.run()
  const [queue] = back.vif.queues
  return { back, queue, counters: queue.counters, lengths: back.received.map(({ bytes: got }) => got.length) }
}

describe('§6.1 what a frontend takes', () => {
  it.each<[string, string, (RxSaid | readonly number[])[]]>([
    ['§6.1.11 an error status', 'netfront_rx_error_status', [{ status: -1 }]],
    ['§6.1.11 more than a page', 'netfront_rx_bad_offset', [{ offset: 4000, status: 97 }]],
    ['§6.1.12 19 slots', 'netfront_rx_too_many_slots', slots(Array.from({ length: 19 }, () => 300))],
    [
      '§6.1.12 20 slots, the first small',
      'netfront_rx_too_many_slots',
      slots(Array.from({ length: 20 }, () => 60)),
    ],
    [
      '§6.1.13 extra type 0',
      'netfront_rx_bad_extra',
      [{ status: 60, flags: EXTRA }, [0, 0, 0, 0, 0, 0, 0, 0]],
    ],
    [
      '§6.1.13 extra type 6',
      'netfront_rx_bad_extra',
      [{ status: 60, flags: EXTRA }, [6, 0, 0, 0, 0, 0, 0, 0]],
    ],
    ['§6.1.13 a missing extra', 'netfront_rx_bad_extra', [{ status: 60, flags: EXTRA }]],
    ['§6.1.14 GSO size 0', 'netfront_rx_bad_extra', [{ status: 60, flags: EXTRA }, GSO(0, 1)]],
    ['§6.1.14 GSO type 3', 'netfront_rx_bad_extra', [{ status: 60, flags: EXTRA }, GSO(1448, 3)]],
    ['§6.1.15 fewer bytes than a header', 'netfront_rx_short', [{ status: 13 }]],
    ['§6.1.16 headroom beyond the end', 'netfront_rx_bad_offset', [{ status: 60, flags: EXTRA }, XDP(61)]],
  ])('%s: the packet is dropped, its pages come back, the device lives on', async (_, reason, said) => {
    const { back, counters, queue } = await given(...said)
    expect([...counters.dropped.entries()].map((entry) => entry.reason)).toEqual([reason])
    expect([back.received, back.vif.state]).toEqual([[], 'connected'])
    back.deliver({ status: 60, fill: bytes(60, 1) })
    await back.run()
    expect(back.received.map(({ bytes: got }) => got)).toEqual([bytes(60, 1)])
    back.received[0].frame.release()
    expect(queue.pages.withheld).toBe(0)
  })

  it.each([
    ['18 slots', 18, 300],
    ['19 slots, the first no longer than 256 bytes', 19, 256],
  ])('§6.1.12 %s are one packet', async (_, count, size) => {
    const { lengths } = await given(...slots(Array.from({ length: count }, () => size)))
    expect(lengths).toEqual([count * size])
  })

  it('§6.1.15 a first slot shorter than a header is no harm while the packet is longer', async () => {
    const { back } = await given(...slots([4, 5, 60]))
    expect(back.received.map(({ bytes: got }) => got)).toEqual([
      [...bytes(4, 0), ...bytes(5, 1), ...bytes(60, 2)],
    ])
  })

  it('§6.1.16 headroom: the status is where the bytes end; the stack finds the room in front of its frame', async () => {
    const back = await RawBackend.connected({ headroom: 256 })
    expect(await back.read('xdp-headroom')).toBe('256')
    back.deliver({ status: 256 + 100, flags: EXTRA, fill: [...bytes(256, 9), ...bytes(100, 1)] }, XDP(256))
    await back.run()
    const [{ bytes: got, frame }] = back.received
    expect([got, frame.headroom]).toEqual([bytes(100, 1), 256])
    frame.release()
    const two: RxSaid[] = [
      { status: 4096, flags: EXTRA | MORE, fill: [...bytes(256, 9), ...bytes(3840, 1)] },
      { status: 300, fill: [...bytes(256, 9), ...bytes(44, 2)] },
    ]
    back.deliver(two[0], XDP(256), two[1])
    await back.run()
    expect(back.received[1].bytes).toEqual([...bytes(3840, 1), ...bytes(44, 2)])
  })

  it('§6.1.17 headroom changes while connected, by Reconfiguring and Reconfigured', async () => {
    const back = await RawBackend.connected()
    let settled = false
    const change = back.vif.setHeadroom(128).then(() => (settled = true))
    await back.run(5)
    expect([await back.read('state'), await back.read('xdp-headroom'), settled]).toEqual(['7', '128', false])
    await back.write('state', '8')
    await back.run(5)
    await back.settle(change)
    expect([await back.read('state'), back.vif.state]).toEqual(['4', 'connected'])
    await expect(back.vif.setHeadroom(2049)).rejects.toMatchObject({ code: 'BAD_ARGUMENT' })
    const old = await RawBackend.make()
    await old.offer({ 'feature-xdp-headroom': null })
    await old.attach()
    await expect(old.vif.setHeadroom(128)).rejects.toMatchObject({ code: 'BAD_BACKEND' })
  })

  it('§6.1.18 requests are shown once 19 stand posted, and posted again as the stack gives pages back', async () => {
    const back = await RawBackend.connected({ rxPages: 40 })
    const rx = back.rx as NonNullable<RawBackend['rx']>
    const posted = rx.reqProd
    expect(posted).toBe(40)
    for (let i = 0; i < 30; i++) back.deliver({ status: 60, fill: bytes(60, i) })
    await back.run()
    // Ten are left, and no page is free: too few for any packet, so nothing more is shown.
    expect([back.received.length, rx.reqProd]).toEqual([30, 40])
    for (const { frame } of back.received.slice(0, 8)) frame.release()
    await back.run()
    expect(rx.reqProd).toBe(40)
    back.received[8].frame.release()
    await back.run()
    expect(rx.reqProd).toBe(49)
  })
})
