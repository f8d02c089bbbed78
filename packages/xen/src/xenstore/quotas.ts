/** What one unprivileged domain may take of the store's server. The numbers are those of xenstored 4.17. */
export interface StoreQuotas {
  /** Watches; one more than this is accepted, since the daemon tests with `>`. */
  readonly watches: number
  /** Transactions open at a time; one more than this is accepted. */
  readonly transactions: number
  /** Entries in a permission list. */
  readonly perms: number
  /** Nodes owned. */
  readonly nodes: number
  /** Bytes of one node's record, which must stay below. */
  readonly nodeBytes: number
  /** Nodes that a transaction may touch. */
  readonly transactionNodes: number
  /** Requests whose answer, and whose every watch event, is not delivered yet; then the server stops reading. */
  readonly outstanding: number
  /** Bytes held for the connection (answers, events, watches); then the server stops reading. */
  readonly memory: number
  /** A watch event that the client has not begun to take after this long is dropped. Nanoseconds. */
  readonly eventTimeout: number
}

/**
 * What one client of a socket may take. Over a socket everything is allowed and, in the daemon, nothing is bounded; here a
 * client that misbehaves has its own requests stopped, or its own connection ended, before others notice.
 */
export interface StreamLimits extends Pick<
  StoreQuotas,
  'watches' | 'transactions' | 'transactionNodes' | 'outstanding' | 'memory'
> {}

export const defaultStreamLimits: StreamLimits = {
  watches: 1023,
  transactions: 63,
  transactionNodes: 4096,
  outstanding: 64,
  memory: 262_144,
}

export const defaultQuotas: StoreQuotas = {
  watches: 128,
  transactions: 10,
  perms: 5,
  nodes: 1000,
  nodeBytes: 2048,
  transactionNodes: 1024,
  outstanding: 20,
  memory: 2_621_440,
  eventTimeout: 20_000_000_000,
}
