// TX: what a queue does with the frames that it is offered.
import type { Frame } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'

export const transmitSaboteurs: readonly Saboteur[] = [
  {
    rule: 'TX-01',
    title: 'throws at a frame of 14 bytes',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner) =>
        vary(inner, {
          startXmit(frame) {
            if (frame.length === 14) throw new RangeError('Offset is outside the bounds of the DataView')
            return inner.startXmit(frame)
          },
        }),
    })),
  },
  {
    rule: 'TX-02',
    title: 'forgets each 64th frame that has left',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queueDoors: (doors) => {
        let left = 0
        return vary(doors, {
          completeTx(frame) {
            left += 1
            if (left % 64 !== 0) doors.completeTx(frame)
          },
        })
      },
    })),
  },
  {
    rule: 'TX-05',
    title: 'clears the checksum field of what it sends, in place, and writes it again',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner) =>
        vary(inner, {
          startXmit(frame) {
            const verdict = inner.startXmit(frame)
            if (verdict === 'accepted') clearChecksum(frame)
            return verdict
          },
        }),
    })),
  },
]

/** The UDP or TCP checksum of a plain IPv4 frame; hardware with checksum offload writes it anyway. */
function clearChecksum({ view, offset, length, checksum }: Frame): void {
  if (checksum !== 'blank' || length < 54 || view.getUint16(offset + 12) !== 0x0800) return
  const at = offset + 34 + (view.getUint8(offset + 23) === 6 ? 16 : 6)
  view.setUint16(at, view.getUint16(at) ^ 0xffff)
}
