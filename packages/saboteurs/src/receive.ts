// RX: what a queue delivers, and what it does with the buffers.
import type { Frame, FramePool, FrontendQueue } from '@netaccel/core'
import { copyBytes, wordsOf } from '@netaccel/core'
import { around, vary } from '@netaccel/testkit'
import type { Around } from '@netaccel/testkit'
import type { Saboteur } from './saboteur.js'
import { told } from './told.js'

/** More than this come in one poll only under load. */
const FEW = 4
const SPARE_BYTES = 2048

export const receiveSaboteurs: readonly Saboteur[] = [
  {
    rule: 'RX-01',
    title: 'counts a merged frame as none',
    of: 'accel-solarflare-sim',
    vary: around(() => ({ ...told({ slowStart: 0 }), ...countingPlainFrames() })),
  },
  {
    rule: 'RX-02',
    title: `stops after ${FEW} frames and says idle`,
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queue: (inner) =>
        vary(inner, {
          poll(budget) {
            inner.poll(Math.min(budget, FEW))
            return 'idle'
          },
        }),
    })),
  },
  {
    rule: 'RX-03',
    title: 'drops without a word when there is no frame to copy into',
    of: 'accel-vmdq-sim',
    vary: around(() => copyingReceived()),
  },
  {
    rule: 'RX-04',
    title: 'now and then a frame passes the one before it',
    of: 'accel-solarflare-sim',
    vary: around(() => passingOne(400)),
  },
  {
    rule: 'RX-05',
    title: 'posts a buffer again at once',
    of: 'accel-vmdq-sim',
    vary: around(() => postingAtOnce()),
  },
  {
    rule: 'RX-06',
    title: 'says verified always',
    of: 'accel-solarflare-sim',
    vary: around(() => ({
      queueDoors: (doors) =>
        vary(doors, {
          deliver(frame) {
            if (frame.checksum === 'none') frame.checksum = 'verified'
            doors.deliver(frame)
          },
        }),
    })),
  },
  {
    rule: 'RX-07',
    title: 'loses the buffers of an oversize frame',
    of: 'accel-solarflare-sim',
    bug: 8,
    patches: [
      {
        half: 'frontend',
        find: 'this.count !== 0 && (queue.dropRx(reason, 1, this.bytes), this.release());',
        put: 'this.count !== 0 && (queue.dropRx(reason, 1, this.bytes), this.clear());',
      },
    ],
  },
  {
    rule: 'RX-08',
    title: 'gives new flows no time stamp, and so never forgets them',
    of: 'accel-solarflare-sim',
    bug: 12,
    patches: [
      {
        half: 'frontend',
        find: 'return this.ticks - this.seen[place] >>> 0;',
        put: 'return 0;',
      },
    ],
  },
  {
    rule: 'RX-09',
    title: 'reads on until it meets an empty slot',
    of: 'accel-solarflare-sim',
    bug: 13,
    vary: around(() => readingOn()),
  },
]

/** A poll goes on until so many frames have come that are not merged. */
function countingPlainFrames(): Around {
  let plain = 0
  let delivered = 0
  return {
    queueDoors: (doors) =>
      vary(doors, {
        deliver(frame) {
          delivered += 1
          if (frame.segments === 1) plain += 1
          doors.deliver(frame)
        },
      }),
    queue: (inner) =>
      vary(inner, {
        poll(budget) {
          plain = delivered = 0
          let answer = inner.poll(budget)
          while (answer === 'more' && plain < budget && delivered > plain) {
            delivered = plain
            answer = inner.poll(budget - plain)
          }
          return answer
        },
      }),
  }
}

/** A poll goes on while there is more, for as many frames as it may deliver. */
function readingOn(): Around {
  let delivered = 0
  return {
    queueDoors: (doors) =>
      vary(doors, {
        deliver(frame) {
          delivered += 1
          doors.deliver(frame)
        },
      }),
    queue: (inner) =>
      vary(inner, {
        poll(budget) {
          delivered = 0
          let answer = inner.poll(budget)
          for (let laps = 0; answer === 'more' && delivered < budget && laps < 64; laps++)
            answer = inner.poll(budget - delivered)
          return answer
        },
      }),
  }
}

/** Received frames are copied, so that their buffers can be posted again; a poll has few frames to copy into. */
function copyingReceived(): Around {
  let spare: FramePool
  let left = FEW
  return {
    frontendVif: (doors) => {
      spare = doors.pool(4 * FEW, SPARE_BYTES)
      return doors
    },
    queueDoors: (doors) => {
      const pool = spare
      return vary(doors, {
        deliver(frame) {
          left -= 1
          copied(frame, left >= 0 ? pool.take() : undefined, doors)
        },
      })
    },
    queue: (inner) =>
      vary(inner, {
        poll(budget) {
          left = FEW
          return inner.poll(budget)
        },
      }),
  }
}

function copied(frame: Frame, to: Frame | undefined, doors: FrontendQueue): void {
  if (to !== undefined) {
    const { bytes, view } = frame
    copyBytes(wordsOf(to.bytes, to.view), to.offset, wordsOf(bytes, view), frame.offset, frame.length)
    to.length = frame.length
    to.checksum = frame.checksum
    to.gsoSize = frame.gsoSize
    to.segments = frame.segments
    doors.charge('byte', frame.length)
    doors.deliver(to)
  }
  frame.release()
}

/** Of so many frames one waits for the next of the same poll. */
function passingOne(every: number): Around {
  let held: Frame | undefined
  let count = 0
  let host: FrontendQueue
  return {
    queueDoors: (doors) => {
      host = doors
      return vary(doors, {
        deliver(frame) {
          count += 1
          if (held === undefined && count % every === 0) {
            held = frame
            return
          }
          doors.deliver(frame)
          if (held === undefined) return
          doors.deliver(held)
          held = undefined
        },
      })
    },
    queue: (inner) => {
      const doors = host
      return vary(inner, {
        poll(budget) {
          const answer = inner.poll(budget)
          if (held !== undefined) doors.deliver(held)
          held = undefined
          return answer
        },
      })
    },
  }
}

/** What was delivered counts as free from then on. */
function postingAtOnce(): Around {
  const delivered: Frame[] = []
  return {
    frontendVif: (doors) =>
      vary(doors, {
        pool(frames, bytesEach) {
          const pool = doors.pool(frames, bytesEach)
          return {
            arena: pool.arena,
            get free() {
              return pool.free + delivered.length
            },
            take: () => pool.take() ?? delivered.shift(),
          }
        },
      }),
    queueDoors: (doors) =>
      vary(doors, {
        deliver(frame) {
          doors.deliver(frame)
          delivered.push(frame)
          if (delivered.length > 64) delivered.shift()
        },
      }),
  }
}
