/** Deadlines of attaching and detaching and of the order fence, in milliseconds of engine time; a host value may change them. */
export interface Deadlines {
  readonly probe: number
  readonly newDevice: number
  readonly start: number
  readonly stop: number
  /** Polling until the VI is empty and nothing is lent. */
  readonly drain: number
  readonly remove: number
  /** One end waits for the other's phase; after it, it goes on alone. */
  readonly peer: number
  /** The port says when all that it had received is handed over. */
  readonly handedOver: number
  /** One answer of the store. */
  readonly store: number
  /** A frame is held back for the order of its flow. */
  readonly hold: number
  /** A TX request of a vif whose accelerator sends waits until its frame has left. */
  readonly departure: number
}

export const DEADLINES: Deadlines = {
  probe: 2000,
  newDevice: 5000,
  start: 1000,
  stop: 1000,
  drain: 100,
  remove: 2000,
  peer: 1000,
  handedOver: 100,
  store: 1000,
  hold: 20,
  departure: 10,
}
