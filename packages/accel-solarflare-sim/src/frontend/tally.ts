/**
 * What the data path counts, as plain fields; {@link flush} adds what has come since to the counters that the manifest
 * declares. The names are those of the original's debugfs files (sfc_netfront/accel_debugfs.c).
 */
export class Tally {
  eventCount = 0
  badEventCount = 0
  irqCount = 0
  uselessIrqCount = 0
  pollCallCount = 0
  txCompletions = 0
  txBusy = 0
  bytesCopied = 0
  frameTruncated = 0
  crcBad = 0
  checksumBad = 0
  rightsBad = 0
  discardOther = 0
  noDescriptor = 0
  macsLearnt = 0
  macsRemoved = 0
  hintsSent = 0
  messagesRefused = 0
  pollScheduleCount = 0
  pollRescheduleCount = 0
  ssrBursts = 0
  ssrMerges = 0
  ssrMisorder = 0
  ssrSlowStart = 0
  ssrTooMany = 0
  ssrNewStream = 0
  ssrDropStream = 0
  /** Greatest values, not sums. */
  eventsPerPollMax = 0
  eventsPerPollRxMax = 0
  eventsPerPollTxMax = 0
  eventsPerIrqMax = 0
  txPendingMax = 0
  /** As it stands: not a sum. */
  eventCountSinceIrq = 0

  flush(counter: (name: FrontendCounter) => { value: number }): void {
    for (const [name, field] of SUMS) {
      if (this[field] === 0) continue
      counter(name).value += this[field]
      this[field] = 0
    }
    counter('event_count_since_irq').value = this.eventCountSinceIrq
    for (const [name, field] of MAXIMA) {
      const kept = counter(name)
      if (kept.value < this[field]) kept.value = this[field]
    }
  }
}

const SUMS = [
  ['event_count', 'eventCount'],
  ['bad_event_count', 'badEventCount'],
  ['irq_count', 'irqCount'],
  ['useless_irq_count', 'uselessIrqCount'],
  ['poll_call_count', 'pollCallCount'],
  ['fastpath_tx_completions', 'txCompletions'],
  ['fastpath_tx_busy', 'txBusy'],
  ['fastpath_tx_copied_bytes', 'bytesCopied'],
  ['fastpath_frm_trunc', 'frameTruncated'],
  ['fastpath_crc_bad', 'crcBad'],
  ['fastpath_csum_bad', 'checksumBad'],
  ['fastpath_rights_bad', 'rightsBad'],
  ['fastpath_discard_other', 'discardOther'],
  ['rx_no_desc_trunc', 'noDescriptor'],
  ['macs_learnt', 'macsLearnt'],
  ['macs_removed', 'macsRemoved'],
  ['hints_sent', 'hintsSent'],
  ['messages_refused', 'messagesRefused'],
  ['poll_schedule_count', 'pollScheduleCount'],
  ['poll_reschedule_count', 'pollRescheduleCount'],
  ['ssr_bursts', 'ssrBursts'],
  ['ssr_merges', 'ssrMerges'],
  ['ssr_misorder', 'ssrMisorder'],
  ['ssr_slow_start', 'ssrSlowStart'],
  ['ssr_too_many', 'ssrTooMany'],
  ['ssr_new_stream', 'ssrNewStream'],
  ['ssr_drop_stream', 'ssrDropStream'],
] as const

const MAXIMA = [
  ['events_per_poll_max', 'eventsPerPollMax'],
  ['events_per_poll_rx_max', 'eventsPerPollRxMax'],
  ['events_per_poll_tx_max', 'eventsPerPollTxMax'],
  ['events_per_irq_max', 'eventsPerIrqMax'],
  ['fastpath_tx_pending_max', 'txPendingMax'],
] as const

export type FrontendCounter = (typeof SUMS)[number][0] | (typeof MAXIMA)[number][0] | 'event_count_since_irq'

/** For the test that holds this list and the manifest together. */
export const FRONTEND_COUNTERS: readonly FrontendCounter[] = [
  ...[...SUMS, ...MAXIMA].map(([name]) => name),
  'event_count_since_irq',
]
