import { describe, expect, it } from 'vitest'
import { DROP_INDEX, DROP_NAMES, DROP_REASONS, DropCounters } from './drops.js'

describe('drop reasons', () => {
  it('have an index each, in table order, and a sentence', () => {
    expect(DROP_NAMES.map((name) => DROP_INDEX[name])).toEqual(DROP_NAMES.map((_, index) => index))
    for (const name of DROP_NAMES) expect(DROP_REASONS[name].sentence).toMatch(/^[A-Z].*\.$/)
  })

  it('are named after their stage, but for the reasons that reports are known by', () => {
    const other = DROP_NAMES.filter((name) => !name.startsWith(`${DROP_REASONS[name].stage}_`))
    const known = ['guest_died', 'forced_detach', 'nic_reset']
    expect(other.filter((name) => !name.startsWith('accel_'))).toEqual(known)
  })

  it('mark what a topology asks for', () => {
    expect(DROP_REASONS.wire_loss.asked).toBe(true)
    expect(DROP_REASONS.forced_detach.asked).toBeUndefined()
  })
})

describe('drop counters', () => {
  it('count frames, segments and bytes by reason', () => {
    const drops = new DropCounters()
    drops.count('wire_loss', 1, 60)
    drops.count('forced_detach', 45, 65_226)
    drops.count('wire_loss', 2, 3000)
    expect(drops.entries()).toEqual([
      { reason: 'forced_detach', frames: 1, segments: 45, bytes: 65_226 },
      { reason: 'wire_loss', frames: 2, segments: 3, bytes: 3060 },
    ])
    expect(drops.total).toBe(48)
    expect(drops.frames('wire_loss')).toBe(2)
    expect(drops.segments('nic_reset')).toBe(0)
    expect(drops.bytes('wire_loss')).toBe(3060)
  })

  it('can lie in shared memory, and are exact beyond 2^32', () => {
    const storage = new Float64Array(new SharedArrayBuffer(DropCounters.words * 8))
    new DropCounters(storage).count('nic_rx_no_buffer', 1, 2 ** 40)
    new DropCounters(storage).count('nic_rx_no_buffer', 1, 1)
    expect(new DropCounters(storage).bytes('nic_rx_no_buffer')).toBe(2 ** 40 + 1)
  })

  it('refuse storage that is too small', () => {
    expect(() => new DropCounters(new Float64Array(3))).toThrow(RangeError)
  })
})
