import { Frame } from '@netaccel/packet'
import type {
  DoorTally,
  DropReason,
  Frame as PluginFrame,
  FrontendQueue,
  RxDrop,
  TxFailure,
} from '@netaccel/core'
import type { QueuePath } from './queue-path.js'

const TX_DROPS: Readonly<Record<TxFailure, DropReason>> = {
  refused: 'accel_tx_refused',
  'link-down': 'accel_tx_link_down',
  reset: 'accel_tx_reset',
}

const RX_DROPS: Readonly<Record<RxDrop, DropReason>> = {
  truncated: 'accel_rx_truncated',
  'bad-crc': 'accel_rx_bad_crc',
  'bad-checksum': 'accel_rx_bad_checksum',
  'no-descriptor': 'accel_rx_no_descriptor',
  rights: 'accel_rx_rights',
  malformed: 'accel_rx_malformed',
  'no-memory': 'accel_rx_no_memory',
}

const COSTS = { descriptor: 'descriptor', byte: 'byteCopied', event: 'event' } as const

/**
 * The host's end of one queue, as a plugin has it. What the contract does not allow here is refused and counted under
 * its rule; once the doors are shut every call is counted `late_calls` and does nothing.
 */
export class QueueDoors implements FrontendQueue {
  readonly #path: QueuePath
  readonly #tally: DoorTally
  #open = true

  constructor(path: QueuePath, tally: DoorTally) {
    this.#path = path
    this.#tally = tally
  }

  get index(): number {
    return this.#path.queue.index
  }

  deliver(frame: PluginFrame): void {
    if (!this.alive()) return
    if (!this.#path.polling) this.#tally.violation('RX-01')
    else if (!(frame instanceof Frame) || !this.#path.deliver(frame)) this.#tally.violation('RX-05')
  }

  completeTx(frame: PluginFrame): void {
    if (this.returned(frame)) this.#path.complete(frame as Frame, null)
  }

  failTx(frame: PluginFrame, reason: TxFailure): void {
    if (this.returned(frame)) this.#path.complete(frame as Frame, TX_DROPS[reason])
  }

  dropRx(reason: RxDrop, segments: number, bytes: number): void {
    if (this.alive()) this.#path.counters.dropped.count(RX_DROPS[reason], segments, bytes)
  }

  schedule(): void {
    if (this.alive()) this.#path.queue.schedulePoll()
  }

  wake(): void {
    if (this.alive()) this.#path.wake()
  }

  charge(cost: 'descriptor' | 'byte' | 'event', count: number): void {
    if (this.alive()) this.#path.queue.engine.charge(COSTS[cost], count)
  }

  /** From here on the doors are dead. */
  shut(): void {
    this.#open = false
  }

  /** Takes a lent frame back, if it may come back now. */
  private returned(frame: PluginFrame): boolean {
    if (!this.alive()) return false
    if (this.#path.polling && frame instanceof Frame && this.#path.lent.remove(frame)) return true
    this.#tally.violation('TX-02')
    return false
  }

  private alive(): boolean {
    if (!this.#open) this.#tally.late()
    return this.#open
  }
}
