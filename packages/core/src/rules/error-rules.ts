// Errors, and the cost of the data path.
import type { Rule } from './types.js'

export const errorRules: readonly Rule[] = [
  {
    id: 'ER-01',
    sentence: 'Any failing door is met: reject, decline or count, and the rest works.',
    why: 'The early original ignored failed grants and channels and went on without them.',
    checkedBy: 'every door call fails in turn',
    saboteur: 'goes on without its channel',
    marks: [],
    implies: ['IR-02'],
  },
  {
    id: 'ER-02',
    sentence: 'No promise outside awaited hooks and `task`, no unhandled rejection.',
    why: 'A promise that nobody holds keeps its generation alive, and its rejection ends the process.',
    checkedBy: 'promise hooks in a child process',
    saboteur: 'a floating read of a key',
    marks: [],
    implies: ['LC-04', 'LC-13'],
  },
  {
    id: 'ER-03',
    sentence:
      'Data-path hooks and observers other than `startXmit` never throw, whatever hardware and peer write.',
    why: 'Hardware and peer can write anything; a throw in a poll ends the attachment for all.',
    checkedBy: 'scribbled rings',
    saboteur: 'throws at an unknown event kind',
    marks: ['H'],
    implies: ['RX-07'],
  },
  {
    id: 'ER-04',
    sentence: 'Every hook returns: no wait for hardware or peer in a loop.',
    why: 'A loop that waits for the other side stops the whole engine; the original waited for flushes in its teardown.',
    checkedBy: 'watchdog; hook last entered stands in shared memory',
    saboteur: 'spins until the doorbell is answered',
    marks: ['R'],
    implies: [],
  },
  {
    id: 'PF-01',
    sentence: 'Data path: < 0.5 B allocated a frame.',
    why: 'Garbage on the per-frame path is paid in pauses by every vif of the host.',
    checkedBy: 'heap over 200,000 frames less the declining baseline',
    saboteur: 'one closure a frame',
    marks: [],
    implies: [],
  },
  {
    id: 'PF-02',
    sentence: 'At most one doorbell per `flush`, one per 16 buffers posted.',
    why: 'A doorbell is a write across the bus; the original pushed buffers in batches of sixteen.',
    checkedBy: 'writes to the doorbell page',
    saboteur: 'rings per frame',
    marks: [],
    implies: [],
  },
  {
    id: 'PF-03',
    sentence: 'Its own loops are charged: descriptors, bytes copied, events.',
    why: 'Under the virtual clock work that is not charged is free, and the measured gain would be a lie.',
    checkedBy: "charges against hardware's log",
    saboteur: 'copies 2 KB free of charge',
    marks: [],
    implies: [],
  },
]
