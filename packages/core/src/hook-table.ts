// The hooks of the contract: who calls each, whether it waits, and which rules bind it.

export interface HookFacts {
  /** The hook of the original drivers that it stands for; '' when it is new. */
  readonly original: string
  readonly calledBy: string
  /** Its deadline in milliseconds of engine time; 0: synchronous. */
  readonly deadlineMs: number
  readonly result: string
  readonly mustNot: string
  readonly rules: string
}

const hooks = {
  frontend: {
    original: 'module init, netfront_accelerator_loaded',
    calledBy: 'the loader, once a generation, after the version is agreed',
    deadlineMs: 2000,
    result: 'the half',
    mustNot: 'act beyond its context',
    rules: 'VN-02..VN-04',
  },
  backend: {
    original: 'module init, netback_connect_accelerator',
    calledBy: 'the loader, once a generation, after the version is agreed',
    deadlineMs: 2000,
    result: 'the half',
    mustNot: 'act beyond its context',
    rules: 'VN-02..VN-04',
  },
  hardware: {
    original: 'module init of the NIC driver',
    calledBy: 'the loader, once a generation, when a host names the NIC kind',
    deadlineMs: 2000,
    result: 'the port',
    mustNot: 'act beyond its context',
    rules: 'VN-02..VN-04',
  },
  newDevice: {
    original: 'new_device',
    calledBy: 'netfront, state attaching; once an attachment, never twice at once for a vif',
    deadlineMs: 5000,
    result: 'declined, or a vif whose VI is mapped and whose RX buffers are posted',
    mustNot: 'rely on traffic: hooks are not installed yet',
    rules: 'LC-01, LC-02, LC-06',
  },
  openQueue: {
    original: '',
    calledBy: "netfront, after newDevice, once a queue, on the queue's engine",
    deadlineMs: 0,
    result: 'the hooks of the queue',
    mustNot: 'deliver or arm',
    rules: 'LC-03',
  },
  accepts: {
    original: 'the "cannot" tests of start_xmit',
    calledBy: 'the fork, state active, any number of times',
    deadlineMs: 0,
    result: "true: startXmit would not decline the frame, which stays the host's",
    mustNot: 'change anything; look at room',
    rules: 'TX-06',
  },
  startXmit: {
    original: 'start_xmit',
    calledBy: 'the fork, state active, inside a burst, never while another frame is parked',
    deadlineMs: 0,
    result: "accepted: lent until completeTx or failTx; declined or busy: the host's, untouched",
    mustNot: 'write the frame; ring the doorbell; keep what it did not accept; complete',
    rules: 'TX-01..TX-09',
  },
  flush: {
    original: '',
    calledBy: 'the fork, at the end of each burst in which something was accepted',
    deadlineMs: 0,
    result: 'all lent frames now leave by themselves',
    mustNot: 'complete or deliver',
    rules: 'TX-10, PF-02',
  },
  hasRoom: {
    original: 'check_ready',
    calledBy: 'the fork, after a burst and before waking the queue',
    deadlineMs: 0,
    result: 'true: no legal frame would be told busy now',
    mustNot: 'change anything',
    rules: 'IR-04, IR-05',
  },
  poll: {
    original: 'netdev_poll',
    calledBy: "netfront's poll, receiving to draining, before the slow ring",
    deadlineMs: 0,
    result: "idle or more; delivered and completed frames are the host's",
    mustNot: 'deliver more than the budget; keep a merged frame on idle',
    rules: 'RX-01..RX-09',
  },
  startInterrupts: {
    original: 'start_napi_irq',
    calledBy: "netfront's poll, when both paths are idle",
    deadlineMs: 0,
    result: 'armed: the poll may sleep; waiting: poll again',
    mustNot: 'arm while an event stands unread',
    rules: 'IR-01, IR-02',
  },
  stopInterrupts: {
    original: 'stop_napi_irq',
    calledBy: 'netfront, before it schedules the poll itself, and once before hooks are cleared',
    deadlineMs: 0,
    result: 'nothing',
    mustNot: 'arm',
    rules: 'IR-03',
  },
  change: {
    original: 'the MAC watch, the netdevice notifier',
    calledBy: 'netfront, receiving to draining; netback, on link, MTU and reset of the port',
    deadlineMs: 0,
    result: 'nothing',
    mustNot: 'wait',
    rules: 'TX-12, LC-12',
  },
  stats: {
    original: 'get_stats',
    calledBy: 'either host on a read, and once after the hooks are cleared',
    deadlineMs: 0,
    result: 'adds to the counters what hardware counted since the last call',
    mustNot: 'add a total twice',
    rules: 'ST-01..ST-03',
  },
  remove: {
    original: 'remove',
    calledBy: 'either host, exactly once, as the last call',
    deadlineMs: 2000,
    result: 'nothing is lent any more; doors are still open',
    mustNot: 'wait without the signal',
    rules: 'LC-05',
  },
  openPort: {
    original: 'the eth_name of netback_connect_accelerator',
    calledBy: 'netback, for each port, now and later',
    deadlineMs: 0,
    result: 'true: vifs whose key accel equals the name of the port are probed',
    mustNot: 'wait',
    rules: 'LC-12',
  },
  probe: {
    original: 'probe',
    calledBy: 'netback, before InitWait, or at load for vifs that exist',
    deadlineMs: 2000,
    result: "declined, or the vif's backend half",
    mustNot: 'wait for the guest',
    rules: 'LC-01',
  },
  start: {
    original: '',
    calledBy: 'netback, when the frontend listens',
    deadlineMs: 1000,
    result: 'from its call on insertFilter works',
    mustNot: 'wait for the guest',
    rules: 'LC-14',
  },
  stop: {
    original: '',
    calledBy: 'netback, when either end leaves',
    deadlineMs: 1000,
    result: 'settled: only filters, which the host then removes, still feed the VI',
    mustNot: 'insert filters',
    rules: 'LC-14',
  },
  received: {
    original: 'driverlink rx_packet',
    calledBy: 'the NIC driver, per frame',
    deadlineMs: 0,
    result: "the frame stays the host's, valid during the call only",
    mustNot: 'keep, write or veto',
    rules: 'ER-03, PF-01',
  },
  transmitted: {
    original: 'driverlink tx_packet',
    calledBy: 'the NIC driver, per frame',
    deadlineMs: 0,
    result: "the frame stays the host's, valid during the call only",
    mustNot: 'keep, write or veto',
    rules: 'ER-03, PF-01',
  },
  fromGuest: {
    original: '',
    calledBy: 'netback, per frame',
    deadlineMs: 0,
    result: "the frame stays the host's, valid during the call only",
    mustNot: 'keep, write or veto',
    rules: 'ER-03, PF-01',
  },
  toGuest: {
    original: '',
    calledBy: 'netback, per frame',
    deadlineMs: 0,
    result: "the frame stays the host's, valid during the call only",
    mustNot: 'keep, write or veto',
    rules: 'ER-03, PF-01',
  },
} as const satisfies Record<string, HookFacts>

/** Closed set of hooks. */
export type HookName = keyof typeof hooks

export const HOOKS: Readonly<Record<HookName, HookFacts>> = hooks

/** Names by number; 0 is left out, so that zeroed memory says "none". */
export const HOOK_NAMES: readonly (HookName | undefined)[] = Object.freeze([
  undefined,
  ...(Object.keys(hooks) as HookName[]),
])

/** Number of a hook as it stands in a lease mirror. */
export type HookNumber = number

export const HOOK_NUMBER = Object.freeze(
  Object.fromEntries(Object.keys(hooks).map((name, index) => [name, index + 1])),
) as Readonly<Record<HookName, HookNumber>>
