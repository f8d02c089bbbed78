import type { Frame } from '@netaccel/packet'
import type { Engine } from '@netaccel/xen'

/**
 * What became of a frame that was offered to the fast path.
 * 'taken': it is the fast path's from here. 'declined': untouched, it goes by the ring.
 * 'stop': taken too, but parked: the burst ends behind it and the queue is stopped.
 */
export type Offer = 'taken' | 'declined' | 'stop'

/**
 * The seam between one queue and whatever accelerates it; a queue without an accelerator has none.
 * All calls come from the queue's own engine, are synchronous and must not throw.
 */
export interface FastPath {
  /** A burst begins (the lease is taken). True: frames may be offered. Each call is ended by {@link endBurst}. */
  beginBurst(): boolean
  /** Offer one frame; see {@link Offer} for who owns it afterwards. Only between a true beginBurst and endBurst. */
  offer(frame: Frame): Offer
  /**
   * Takes frames[from] and those behind it, up to `to`, for as long as {@link offer} would take each at once. How many were
   * taken; the next has to be offered by itself, unless the queue was stopped behind the last.
   */
  offerRun(frames: readonly Frame[], from: number, to: number): number
  /**
   * How many of frames[from] and those behind it, up to `to`, {@link offer} would decline unasked, one after the other: the
   * half has not declared that it takes such. When they go by the ring instead, {@link passedBy} is told how many did.
   */
  unoffered(frames: readonly Frame[], from: number, to: number): number
  passedBy(count: number): void
  /** The burst is over: what was taken now leaves, the lease is dropped. */
  endBurst(): void
  /** A frame is parked, and the queue is stopped behind it. */
  readonly hasParked: boolean
  /** No objection to waking the queue: nothing is parked and the hardware has room. */
  hasRoom(): boolean
  /** Deliver received frames, complete sent ones. Returns the frames delivered, 0 to `budget`. */
  poll(budget: number): number
  /** True: the order of received frames is not to be kept (see poll.ts); for tests of the fence. */
  readonly unordered: boolean
  /** False: its half has not declared `rx`, so there is nothing to keep in order; it is polled for what it has sent. */
  readonly receives: boolean
  /** After {@link poll}: there is more, poll again. */
  readonly more: boolean
  /**
   * Most frames that can stand unread in the fast path. The poll takes responses of the slow ring only once the fast
   * path has said that it is empty, or has delivered so many since the slow producer was noted.
   */
  readonly rxDepth: number
  /** Both sides are idle: ask for an interrupt. True: the queue may sleep; false: poll again. */
  arm(): boolean
  /** The slow side is about to schedule the poll itself: interrupts are not needed. */
  disarm(): void
  /** Flows keep their order on the way out: the three calls below are made for each frame of the ring, else none is. */
  readonly ordersTx: boolean
  /** A frame is about to be written to the ring: note in it what {@link slowAnswered} will need. */
  slowSending(frame: Frame): void
  /** It has been written to the ring, or a copy of it has. */
  slowSent(frame: Frame): void
  /**
   * A frame that went by the ring has been answered (it has left, or never will). Called before the frame is
   * released, so its `hash` can still be read; the frame stays the queue's.
   */
  slowAnswered(frame: Frame): void
  /** Frames are held back until the slow side has come so far: {@link slowReached} is called; it may be left out else. */
  readonly ordersRx: boolean
  /**
   * The slow side has consumed its responses up to, not including, ring index `position` (unsigned 32 bit), and is
   * about to deliver the packet that begins there or to stop. Frames held back until then may be delivered from here.
   */
  slowReached(position: number): void
  /** A poll is over, and everything of the slow ring before `position` has been delivered. */
  slowDelivered(position: number): void
}

/**
 * Sees each frame at the fork and at its delivery, with the path it takes. The frame stays whose it is: look, copy, keep
 * nothing. A queue that nobody observes pays one field read a frame.
 */
export interface PathObserver {
  /** The frame has been taken by this path. */
  sent(frame: Frame, path: 'slow' | 'fast'): void
  /** The frame has come by this path and is about to be the stack's. */
  received(frame: Frame, path: 'slow' | 'fast'): void
}

/** What a queue offers to its fast path. All calls belong to the queue's engine. */
export interface QueueSide {
  readonly index: number
  readonly engine: Engine
  /** Send a frame by the ring. True: the queue owns it until it is answered. False: ring full, the frame stays yours. */
  sendSlow(frame: Frame): boolean
  /** Publish what {@link sendSlow} wrote outside a burst; inside one the queue does it at the end. */
  flushSlow(): void
  /** The stack shall hand over nothing until {@link wakeIfReady} finds room. */
  stop(): void
  /** Wake the stack if the queue is stopped, the device runs, the ring has room and the fast path does not object. */
  wakeIfReady(): void
  /** Hand a received frame to the stack, which releases it. */
  deliver(frame: Frame): void
  /** Poll this queue soon. */
  schedulePoll(): void
  /** Raise an event at the backend. */
  notifyBackend(): void
  /** Frames sent by the ring and not answered yet. */
  readonly slowOutstanding: number
  /** Look at each frame that was sent by the ring and is not answered yet. For set-up, not for the frame path. */
  eachSlow(look: (frame: Frame) => void): void
  /** The stack can have no frame of some length to send from, before another has left. */
  readonly dry: boolean
  /** Free slots of the TX ring. */
  freeSlots(): number
  /** The fast path in place, or null. Set between bursts and polls only; set to null before its generation ends. */
  fastPath: FastPath | null
  /** Null: nobody observes. */
  observer: PathObserver | null
}
