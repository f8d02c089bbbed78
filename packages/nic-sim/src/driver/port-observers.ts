import { linearise } from '@netaccel/packet'
import type { Frame } from '@netaccel/packet'

/** The contract's `PortObserver`, shown the whole of the driver's frames. */
export interface DriverObserver {
  received?(frame: Frame): void
  transmitted?(frame: Frame): void
  /** It looks at no more than headers, and so takes what is sent with fragments. */
  readonly scatter?: boolean
}

/** Who is shown the driver's frames. Added and taken away between two frames or in the middle of one. */
export class PortObservers {
  /** Read once a frame; replaced, never changed. */
  receivers: readonly ((frame: Frame) => void)[]
  transmitters: readonly ((frame: Frame) => void)[]

  constructor() {
    this.receivers = []
    this.transmitters = []
  }

  /** The returned function takes the observer away. */
  add(observer: DriverObserver): () => void {
    const received = (frame: Frame): void => observer.received?.(frame)
    const transmitted = (frame: Frame): void => {
      if (observer.scatter !== true) linearise(frame)
      observer.transmitted?.(frame)
    }
    if (observer.received !== undefined) this.receivers = [...this.receivers, received]
    if (observer.transmitted !== undefined) this.transmitters = [...this.transmitters, transmitted]
    return () => {
      this.receivers = this.receivers.filter((other) => other !== received)
      this.transmitters = this.transmitters.filter((other) => other !== transmitted)
    }
  }

  /** Received frames are shown to nobody any more. */
  endReceived(): void {
    this.receivers = []
  }
}
