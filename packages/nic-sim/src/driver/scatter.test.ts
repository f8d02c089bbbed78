// Frames whose bytes lie in pages of a guest: one descriptor for each fragment, reached through the driver domain's grants.
import { Fragments, wordsOf } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { GrantMapBatch, GrantTable, VirtualClock, VmArea } from '@netaccel/xen'
import { expect, it } from 'vitest'
import { Wire } from '../index.js'
import { Host, pattern, tcp, udp, written } from '../testing/rig.js'

class Pages extends Fragments {
  linearisedFrames = 0

  linearised(): void {
    this.linearisedFrames++
  }
}

const HEAD = 128

/** A NIC whose driver domain has mapped four pages of a guest, and what is sent through it. */
function rig() {
  const clock = new VirtualClock()
  const left = new Host(clock, 'left', {}, { txBytes: 17 * 4096, tx: 8 })
  const right = new Host(clock, 'right')
  const wire = new Wire()
  wire.join(left.device, right.device)
  const guest = left.machine.createExtent(1, 16)
  const table = new GrantTable(left.machine, guest)
  const data = guest.allocPages(4)
  const area = new VmArea(left.machine, 0, 8)
  const batch = new GrantMapBatch(left.ops, area)
  data.pages.forEach((page, i) => batch.map(i, 1, table.grant(0, page, 'ro')))
  expect(batch.runMaps()).toBe(0)
  const pages = new Pages(wordsOf(left.machine.bytes), area.table, 19)
  /** The frame that `write` writes, all but its head moved to the guest's pages, 1000 bytes on each. */
  const scattered = (write: (frame: Frame) => void): Frame => {
    const frame = left.txPool.take()
    if (frame === undefined) throw new Error('no frame')
    write(frame)
    pages.count = 0
    pages.bytes = 0
    for (let at = HEAD; at < frame.length; at += 1000) {
      const i = pages.count++
      const length = Math.min(1000, frame.length - at)
      pages.pages[i] = i
      pages.offsets[i] = 10 * i
      pages.lengths[i] = length
      pages.bytes += length
      const from = frame.offset + at
      guest.bytes.set(frame.bytes.slice(from, from + length), data.offset + i * 4096 + 10 * i)
      frame.bytes.fill(0xdd, from, from + length)
    }
    frame.fragments = pages
    return frame
  }
  return { clock, left, right, pages, batch, scattered }
}

it('leave as if they were in one piece, whole or cut, summed by the NIC, and name the pages meanwhile', async () => {
  const { clock, left, right, pages, scattered } = rig()
  const short = udp(pattern(1400), { blank: true })
  expect(left.driver.transmit(scattered(short))).toBe('taken')
  expect(pages.dma).toBe(1)
  await clock.run()
  expect([pages.dma, pages.linearisedFrames, left.txPool.free]).toEqual([0, 0, 8])
  expect(right.received.pop()).toEqual(written(udp(pattern(1400))))
  const payload = pattern(3500)
  left.driver.transmit(scattered(tcp(payload, { gsoSize: 1400, blank: true })))
  await clock.run()
  const arrived = right.received.map((bytes) => bytes.slice(54))
  expect(arrived.map((bytes) => bytes.length)).toEqual([1400, 1400, 700])
  expect(Buffer.concat(arrived).equals(Buffer.from(payload))).toBe(true)
  expect(right.checksums.slice(-3)).toEqual(['verified', 'verified', 'verified'])
})

it('leave by no page that is not granted any more: MEM-06', async () => {
  const { clock, left, right, batch, scattered } = rig()
  const frame = scattered(udp(pattern(1400)))
  batch.unmap(1, batch.handle(1))
  const { fragments } = frame
  if (fragments === null) throw new Error('the frame has no fragments')
  // Another page of the machine, as a driver with a defect would name it.
  const place = fragments.place(1)
  expect(batch.runUnmaps()).toBe(0)
  fragments.table[1] = place - fragments.offsets[1]
  left.driver.transmit(frame)
  await clock.run()
  expect([right.received.length, left.device.drops.segments('nic_tx_rights')]).toEqual([0, 1])
  fragments.table[1] = 0
})

it('are given in one piece to an observer, unless it takes them as they are', async () => {
  const { clock, left, right, pages, scattered } = rig()
  const seen: (Fragments | null)[] = []
  const remove = left.driver.observe({ scatter: true, transmitted: (frame) => seen.push(frame.fragments) })
  left.driver.transmit(scattered(udp(pattern(1400))))
  await clock.run()
  remove()
  left.driver.observe({ transmitted: (frame) => seen.push(frame.fragments) })
  left.driver.transmit(scattered(udp(pattern(1400))))
  await clock.run()
  expect([seen, pages.linearisedFrames]).toEqual([[pages, null], 1])
  expect(right.received).toEqual([1, 2].map(() => written(udp(pattern(1400)))))
})
