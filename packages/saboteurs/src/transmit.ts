// TX: what a queue does with the frames that it is offered.
import type { AcceleratedQueue, Frame, FrontendQueue, FrontendVif } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Around } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { told } from './told.js'

/** Frames shorter than this went to the ring of the small ones, before there was one ring for all. */
const SMALL = 200
/** Milliseconds after which what waits is sent all the same. */
const LATE_MS = 20
/** Frames that one poll completes under load. */
const BATCH = 4
/** Small frames that wait for the end of the burst at most. */
const MOST_WAITING = 8

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
    title: `forgets the last of ${BATCH} that have left by one poll`,
    of: 'accel-solarflare-sim',
    bug: 7,
    vary: around(() => {
      let left = 0
      return {
        queueDoors: (doors) =>
          vary(doors, {
            completeTx(frame) {
              left += 1
              if (left % BATCH !== 0) doors.completeTx(frame)
            },
          }),
        queue: (inner) =>
          vary(inner, {
            poll(budget) {
              left = 0
              return inner.poll(budget)
            },
          }),
      }
    }),
  },
  {
    rule: 'TX-03',
    title: 'leaves 3 of 5 descriptors posted when it says busy',
    of: 'accel-solarflare-sim',
    options: { tx: 64 },
    patches: [
      // A descriptor for each page, as in the original: the buffer table need not give pages in a row.
      {
        half: 'frontend',
        find: 'index !== before + 1 && count++, before = index;',
        put: 'count++, before = index;',
      },
      {
        half: 'frontend',
        find: 'bytes < length && indices[page + 1] === indices[page] + 1;',
        put: 'length < 0;',
      },
      {
        half: 'frontend',
        find: 'if (this.pages.stretches(at, length) > room) return 0;',
        put: `if (this.pages.stretches(at, length) > room) {
        if (room >= 3) for (let i = 0; i < 3; i++) this.write(this.pages.addressOf(at), 64 | (i < 2 ? TX_CONTINUE : 0));
        return 0;
      }`,
      },
    ],
  },
  {
    rule: 'TX-04',
    title: 'copies and completes at the next poll',
    of: 'accel-solarflare-sim',
    vary: around(() => ({ ...told({ copy: true }), ...completingEarly() })),
  },
  {
    rule: 'TX-05',
    title:
      'keeps notes in the last byte of a lent frame while a burst goes on, and puts it right before the doorbell',
    of: 'accel-solarflare-sim',
    traits: true,
    vary: around(() => {
      const notes = new Map<Frame, number>()
      let last: Frame | null = null
      const end = ({ offset, length }: Frame): number => offset + length - 1
      return {
        queue: (inner) =>
          vary(inner, {
            startXmit(frame) {
              if (last !== null) {
                notes.set(last, last.bytes[end(last)])
                last.bytes[end(last)] ^= 0xff
              }
              const verdict = inner.startXmit(frame)
              last = verdict === 'accepted' ? frame : null
              return verdict
            },
            flush() {
              for (const [frame, byte] of notes) frame.bytes[end(frame)] = byte
              notes.clear()
              last = null
              inner.flush()
            },
          }),
      }
    }),
  },
  {
    rule: 'TX-05',
    title: 'clears the checksum field of what it sends, in place',
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
  {
    rule: 'TX-06',
    title: 'learns a flow in `accepts`: the first question about it is answered with no',
    of: 'accel-solarflare-sim',
    vary: around(() => {
      const asked = new Set<number>()
      return {
        queue: (inner) =>
          vary(inner, {
            accepts(frame) {
              const to = frame.length < 38 ? 0 : frame.view.getUint32(frame.offset + 34)
              const known = asked.has(to)
              asked.add(to)
              return known && inner.accepts(frame)
            },
          }),
      }
    }),
  },
  {
    rule: 'TX-07',
    title: 'tests for room first, so that what it could never send is told busy',
    of: 'accel-solarflare-sim',
    options: { tx: 64 },
    vary: around(() => ({
      queue: (inner) =>
        vary(inner, { startXmit: (frame) => (inner.hasRoom() ? inner.startXmit(frame) : 'busy') }),
    })),
  },
  {
    rule: 'TX-08',
    title: 'has two rings, by the size of the frame',
    of: 'accel-solarflare-sim',
    vary: around(() => ({ queue: (inner) => twoRings(inner) })),
  },
  {
    rule: 'TX-09',
    title: 'fills in a finished checksum again',
    of: 'accel-solarflare-sim',
    bug: 20,
    patches: [
      {
        half: 'frontend',
        find: 'flags = frame.checksum === "blank" ? TX_CHECKSUM : 0',
        put: 'flags = TX_CHECKSUM',
      },
    ],
  },
  {
    rule: 'TX-10',
    title: 'rings only at multiples of 4 frames',
    of: 'accel-solarflare-sim',
    vary: around(() => ({ queue: (inner, _, vif) => ringingByFours(inner, vif) })),
  },
  {
    rule: 'TX-11',
    title: 'never ages its table of remote addresses',
    of: 'accel-solarflare-sim',
    bug: 15,
    vary: around(() => told({ macAge: 3_600_000 })),
  },
  {
    rule: 'TX-12',
    title: 'keeps the MTU of `newDevice`',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      frontendVif: (doors) => vary(doors, { mtu: doors.mtu }),
      vif: (inner) =>
        vary(inner, {
          change(change) {
            if (change.kind !== 'mtu') inner.change?.(change)
          },
        }),
    })),
  },
]

/** What was accepted is completed at the next poll; what the hardware says later is not passed on. */
function completingEarly(): Around {
  let host: FrontendQueue
  return {
    queueDoors: (doors) => {
      host = doors
      return vary(doors, { completeTx: () => undefined, failTx: () => undefined })
    },
    queue: (inner) => {
      const doors = host
      let accepted: Frame[] = []
      return vary(inner, {
        startXmit(frame) {
          const verdict = inner.startXmit(frame)
          if (verdict === 'accepted') accepted.push(frame)
          return verdict
        },
        poll(budget) {
          for (const frame of accepted) doors.completeTx(frame)
          accepted = []
          return inner.poll(budget)
        },
      })
    },
  }
}

/** Small frames are posted at the end of the burst. */
function twoRings(inner: AcceleratedQueue): AcceleratedQueue {
  const waiting: Frame[] = []
  const post = (): void => {
    while (waiting.length > 0 && inner.startXmit(waiting[0]) === 'accepted') waiting.shift()
    inner.flush()
  }
  return vary(inner, {
    startXmit(frame) {
      const isSmall = frame.length < SMALL && waiting.length < MOST_WAITING && inner.hasRoom()
      if (!isSmall || !inner.accepts(frame)) return inner.startXmit(frame)
      waiting.push(frame)
      return 'accepted'
    },
    flush: post,
    poll(budget) {
      const answer = inner.poll(budget)
      if (waiting.length > 0) post()
      return answer
    },
  })
}

/** What is left over is shown by a timer, so that it is late and not lost. */
function ringingByFours(inner: AcceleratedQueue, vif: FrontendVif): AcceleratedQueue {
  let accepted = 0
  let isDue = false
  return vary(inner, {
    startXmit(frame) {
      const verdict = inner.startXmit(frame)
      if (verdict === 'accepted') accepted += 1
      return verdict
    },
    flush() {
      if (accepted % 4 === 0) return inner.flush()
      if (isDue) return
      isDue = true
      vif.after(LATE_MS, () => {
        isDue = false
        inner.flush()
      })
    },
  })
}

/** The UDP or TCP checksum of a plain IPv4 frame; hardware with checksum offload writes it anyway. */
function clearChecksum({ view, offset, length, checksum }: Frame): void {
  if (checksum !== 'blank' || length < 54 || view.getUint16(offset + 12) !== 0x0800) return
  const at = offset + 34 + (view.getUint8(offset + 23) === 6 ? 16 : 6)
  view.setUint16(at, view.getUint16(at) ^ 0xffff)
}
