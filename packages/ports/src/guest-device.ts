import type { Frame } from '@netaccel/packet'

/** What a guest's device calls in its stack. */
export interface GuestStack {
  /** A frame has come in. The stack owns it and releases it. */
  receive(frame: Frame): void
  /** A stopped queue takes frames again. */
  wake(): void
}

/** What a stack needs of a guest's network device; a vif of the frontend driver is one. */
export interface GuestDevice {
  /** An empty frame with room for `length` bytes, or undefined when none is free. */
  take(length: number): Frame | undefined
  /**
   * Hands over a burst: the first n frames are the device's from then on, n is returned. The others stay the caller's:
   * the queue is stopped, and {@link GuestStack.wake} says when to come again.
   */
  transmit(frames: Frame[], count: number): number
  stack: GuestStack | null
}
