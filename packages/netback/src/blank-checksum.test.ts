import { ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, FramePool } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'
import { describe, expect, it } from 'vitest'
import { takesBlank } from './blank-checksum.js'
import type { GuestFeatures } from './features.js'

/** A frame with these types, each tag's followed by its control word. */
function frameOf(types: readonly number[], length = 60): Frame {
  const bytes = new Uint8Array(new ArrayBuffer(2048))
  const arena = { view: new DataView(bytes.buffer), bytes, offset: 0, length: bytes.length }
  const frame = new FramePool(arena, { frames: 1, bytesEach: 2048, headroom: 64 }).take()
  if (frame === undefined) throw new Error('no frame')
  frame.length = length
  frame.checksum = 'blank'
  types.forEach((type, i) => frame.view.setUint16(frame.offset + 12 + 4 * i, type))
  return frame
}

describe('a blank checksum', () => {
  const others = { sg: true, gsoTcpv4: false, gsoTcpv6: false, rxNotify: true }
  const only4: GuestFeatures = { ...others, ipv4Checksum: true, ipv6Checksum: false }
  const only6: GuestFeatures = { ...others, ipv4Checksum: false, ipv6Checksum: true }
  const tags = [
    { outer: [] },
    { outer: [ETHERTYPE_VLAN] },
    { outer: [ETHERTYPE_QINQ] },
    { outer: [ETHERTYPE_QINQ, ETHERTYPE_VLAN] },
  ]

  it.each(tags)('is judged by the type behind the tags $outer', ({ outer }) => {
    const four = frameOf([...outer, ETHERTYPE_IPV4])
    const six = frameOf([...outer, ETHERTYPE_IPV6])
    expect([takesBlank(four, only4), takesBlank(six, only4)]).toEqual([true, false])
    expect([takesBlank(four, only6), takesBlank(six, only6)]).toEqual([false, true])
  })

  it('of a frame that ends in its tags is not read beyond its end', () => {
    expect(takesBlank(frameOf([ETHERTYPE_VLAN, ETHERTYPE_IPV6], 17), only6)).toBe(false)
  })
})
