// The closed table of drop reasons, by the stage that drops. TX and RX are the guest's. Two marks: `asked`, the topology
// asks for it (seeded loss, a rate cap), so that it does not break "nothing lost"; `nobody`, the frame may have had no
// receiver, so that it breaks it only if somebody waits for one.

/** The stages of a frame's way that can drop one. */
export type DropStage = 'netfront' | 'accelerator' | 'netback' | 'bridge' | 'nic' | 'wire' | 'port' | 'stack'

export interface DropReasonFacts {
  readonly stage: DropStage
  readonly sentence: string
  readonly asked?: true
  readonly nobody?: true
}

const reasons = {
  // netfront, out
  netfront_tx_not_connected: {
    stage: 'netfront',
    sentence: 'The vif was not connected to a backend when the stack sent the frame.',
  },
  netfront_tx_too_long: {
    stage: 'netfront',
    sentence:
      'The frame is longer than 65535 bytes, or than the MTU without being a GSO frame, or shorter than an Ethernet header.',
  },
  netfront_tx_too_many_slots: {
    stage: 'netfront',
    sentence: 'The frame needs more than 18 ring slots, or more than one without scatter-gather.',
  },
  netfront_tx_no_frame: {
    stage: 'netfront',
    sentence: 'The frame cannot be granted where it lies, and no frame was free to copy it into.',
  },
  netfront_tx_no_grant: { stage: 'netfront', sentence: 'No grant entry was free for a page of the frame.' },
  netfront_tx_backend_error: {
    stage: 'netfront',
    sentence: 'The backend answered the request with an error status.',
  },
  netfront_tx_backend_dropped: {
    stage: 'netfront',
    sentence: 'The backend answered the request with the status dropped.',
  },
  netfront_tx_disconnected: {
    stage: 'netfront',
    sentence: 'The backend went away while the frame stood in the ring; whether it left is unknown.',
  },
  guest_died: {
    stage: 'netfront',
    sentence: 'The guest was destroyed while the frame stood in its device, its rings or its VI.',
  },
  // netfront, in
  netfront_rx_error_status: {
    stage: 'netfront',
    sentence: 'The backend gave an error status instead of a length.',
  },
  netfront_rx_bad_offset: {
    stage: 'netfront',
    sentence: 'Offset and length of a response reach beyond its page.',
  },
  netfront_rx_bad_slot: { stage: 'netfront', sentence: 'A response names a slot that was not posted.' },
  netfront_rx_too_many_slots: {
    stage: 'netfront',
    sentence: 'The packet has more slots than a frame can have.',
  },
  netfront_rx_missing_slot: {
    stage: 'netfront',
    sentence: 'A response says that more follow, but the ring ends.',
  },
  netfront_rx_bad_extra: {
    stage: 'netfront',
    sentence: 'An extra info is missing, of an unknown type, or gives an impossible GSO size or type.',
  },
  netfront_rx_bad_checksum: {
    stage: 'netfront',
    sentence: 'The backend says that a checksum is to be filled in, in a packet that has no place for one.',
  },
  netfront_rx_grant_in_use: {
    stage: 'netfront',
    sentence:
      'The backend still used a page that it had answered for; the device is broken until it reconnects.',
  },
  netfront_rx_short: { stage: 'netfront', sentence: 'The packet is shorter than an Ethernet header.' },
  netfront_rx_no_frame: {
    stage: 'netfront',
    sentence: 'No frame was free to gather the pieces of the packet into.',
  },
  netfront_rx_no_stack: { stage: 'netfront', sentence: 'Nobody listens on the vif.' },
  // the accelerator's fast path, out
  accelerator_fault: {
    stage: 'accelerator',
    sentence:
      'A data-path hook threw or broke its contract while the frame was on offer; it may have left, so it is not sent again.',
  },
  forced_detach: {
    stage: 'accelerator',
    sentence: 'The frame was lent to a plugin, or stood in its VI, when the vif was detached by force.',
  },
  nic_reset: { stage: 'accelerator', sentence: 'The frame stood in the VI when the NIC was reset.' },
  accel_tx_refused: {
    stage: 'accelerator',
    sentence: 'The hardware refused the frame that the plugin had accepted.',
  },
  accel_tx_link_down: {
    stage: 'accelerator',
    sentence: 'The link went down while the frame stood in the VI.',
  },
  accel_tx_reset: {
    stage: 'accelerator',
    sentence: 'The plugin gave the frame back because its hardware was reset.',
  },
  // the accelerator's fast path, in
  accel_rx_truncated: { stage: 'accelerator', sentence: 'The hardware cut the received frame.' },
  accel_rx_bad_crc: {
    stage: 'accelerator',
    sentence: 'The frame check sequence of the received frame is wrong.',
  },
  accel_rx_bad_checksum: {
    stage: 'accelerator',
    sentence: 'A checksum of the received frame is wrong and the plugin does not pass such frames on.',
  },
  accel_rx_no_descriptor: {
    stage: 'accelerator',
    sentence: 'The VI had no buffer posted for the received frame.',
  },
  accel_rx_rights: { stage: 'accelerator', sentence: 'The VI may not write to the posted buffer.' },
  accel_rx_malformed: {
    stage: 'accelerator',
    sentence: 'The event that announces the frame makes no sense.',
  },
  accel_rx_no_memory: {
    stage: 'accelerator',
    sentence: 'The plugin had no frame free to deliver the received bytes in.',
  },
  // netback, from the guest
  netback_tx_short: {
    stage: 'netback',
    sentence: 'The guest sent a packet shorter than an Ethernet header.',
  },
  netback_tx_too_long: {
    stage: 'netback',
    sentence: 'The slots of the packet hold more bytes than its first request says.',
  },
  netback_tx_too_many_slots: {
    stage: 'netback',
    sentence: 'The packet of the guest has more than 18 slots.',
  },
  netback_tx_bad_extra: {
    stage: 'netback',
    sentence: 'An extra info of the guest is missing or of an unknown type.',
  },
  netback_tx_bad_gso: {
    stage: 'netback',
    sentence: 'The GSO information of the packet is impossible or does not fit its headers.',
  },
  netback_tx_bad_checksum: {
    stage: 'netback',
    sentence: 'The guest asked for a checksum in a packet that has no place for one.',
  },
  netback_tx_copy_failed: {
    stage: 'netback',
    sentence: 'A page of the packet could not be copied: its grant is bad or gone.',
  },
  netback_tx_fatal: {
    stage: 'netback',
    sentence: 'The guest broke the ring protocol; its vif is disabled and what stood in the ring is lost.',
  },
  netback_tx_disconnected: {
    stage: 'netback',
    sentence: 'The vif was disconnected while the frame stood in netback.',
  },
  netback_tx_rate_limited: {
    stage: 'netback',
    sentence: 'The rate limit of the vif holds no more frames.',
    asked: true,
  },
  // netback, to the guest
  netback_rx_not_connected: {
    stage: 'netback',
    sentence: 'The guest is not connected, or its carrier is off.',
  },
  netback_rx_queue_full: { stage: 'netback', sentence: 'The queue to the guest holds 524288 bytes.' },
  netback_rx_expired: { stage: 'netback', sentence: 'The guest gave no slot to the frame for 10 s.' },
  netback_rx_copy_failed: {
    stage: 'netback',
    sentence: 'A page that the guest posted could not be written: its grant is bad or gone.',
  },
  netback_rx_too_long: { stage: 'netback', sentence: 'The frame needs more slots than the guest can take.' },
  netback_rx_no_frame: {
    stage: 'netback',
    sentence: 'No frame was free to cut or convert the frame for this guest.',
  },
  netback_rx_multicast: {
    stage: 'netback',
    sentence: 'The guest asked for multicast control and the group is not in its list.',
  },
  netback_rx_disconnected: {
    stage: 'netback',
    sentence: 'The vif was disconnected while the frame waited for slots.',
  },
  // bridge
  bridge_short: { stage: 'bridge', sentence: 'The frame is shorter than an Ethernet header.' },
  bridge_bad_source: { stage: 'bridge', sentence: 'The source address is a group address.' },
  bridge_too_long: {
    stage: 'bridge',
    sentence: 'The frame is above the MTU of the port that it must leave by and cannot be cut.',
  },
  bridge_same_port: {
    stage: 'bridge',
    sentence: 'The destination is known to be where the frame came from.',
    nobody: true,
  },
  bridge_no_port: {
    stage: 'bridge',
    sentence: 'No other port is there to flood the frame to.',
    nobody: true,
  },
  bridge_port_down: { stage: 'bridge', sentence: 'The port that the frame must leave by is down.' },
  bridge_no_frame: { stage: 'bridge', sentence: 'No frame was free to copy the frame for one more port.' },
  // NIC, out
  nic_tx_full: { stage: 'nic', sentence: 'The queue of the port is full and the sender cannot wait.' },
  nic_tx_too_long: { stage: 'nic', sentence: 'The frame is above the MTU of the port and cannot be cut.' },
  nic_tx_bad_descriptor: {
    stage: 'nic',
    sentence: 'A TX descriptor makes no sense or chains too many buffers.',
  },
  nic_tx_rights: { stage: 'nic', sentence: 'A TX descriptor names a buffer that the VI does not own.' },
  nic_tx_link_down: { stage: 'nic', sentence: 'The link is down.', nobody: true },
  nic_tx_reset: { stage: 'nic', sentence: 'The frame stood in a TX ring when the NIC was reset.' },
  nic_tx_closed: { stage: 'nic', sentence: 'The frame stood in the TX ring of a VI that was closed.' },
  nic_vi_spoofed: {
    stage: 'nic',
    sentence: 'A VI sent under an address that is not its own, and the NIC was told to drop such frames.',
    asked: true,
  },
  nic_switch_own: {
    stage: 'nic',
    sentence: 'A VI sent the frame to its own address.',
    nobody: true,
  },
  nic_switch_no_buffer: {
    stage: 'nic',
    sentence: 'The driver domain had no buffer posted for what a VI sent to this host.',
  },
  // NIC, in
  nic_rx_no_buffer: { stage: 'nic', sentence: 'No receive buffer was posted when the frame arrived.' },
  nic_rx_too_long: { stage: 'nic', sentence: 'The received frame is above the MTU of the port.' },
  nic_rx_short: { stage: 'nic', sentence: 'The received frame is shorter than an Ethernet header.' },
  nic_rx_bad_crc: { stage: 'nic', sentence: 'The received frame was damaged on the wire.' },
  nic_rx_rights: { stage: 'nic', sentence: 'An RX descriptor names a buffer that the VI does not own.' },
  nic_rx_event_full: { stage: 'nic', sentence: 'The event queue had no room for the event of the frame.' },
  nic_rx_not_ours: {
    stage: 'nic',
    sentence: 'The destination is not an address of the port and the port is not promiscuous.',
  },
  nic_rx_reset: { stage: 'nic', sentence: 'The frame stood in a receive ring when the NIC was reset.' },
  nic_rx_closed: { stage: 'nic', sentence: 'The frame stood in the receive ring of a VI that was closed.' },
  // wire
  wire_loss: { stage: 'wire', sentence: 'The seeded loss of the wire took the frame.', asked: true },
  wire_corrupt: {
    stage: 'wire',
    sentence: 'The seeded noise of the wire damaged the frame beyond use.',
    asked: true,
  },
  wire_down: { stage: 'wire', sentence: 'The wire is unplugged.' },
  wire_rate_cap: { stage: 'wire', sentence: 'The rate cap of the wire holds no more frames.', asked: true },
  wire_no_slot: {
    stage: 'wire',
    sentence: 'All slots of the wire are in flight and the sender cannot wait.',
  },
  wire_pause_timeout: {
    stage: 'wire',
    sentence: 'The receiver paused the sender for 10 ms without taking a frame.',
  },
  // outside ports
  port_too_long: { stage: 'port', sentence: 'The frame does not fit the outside port and cannot be cut.' },
  port_no_frame: { stage: 'port', sentence: 'No frame was free to take in what the outside port received.' },
  port_write_failed: { stage: 'port', sentence: 'The outside port refused the frame.' },
  port_malformed: { stage: 'port', sentence: 'What the outside port received is not a frame.' },
  port_closed: { stage: 'port', sentence: 'The outside port is closed.' },
  // stacks and traffic endpoints
  stack_no_listener: { stage: 'stack', sentence: 'Nobody in this domain listens for the frame.' },
  stack_no_frame: { stage: 'stack', sentence: 'No frame was free to hold what the stack wanted to send.' },
  stack_queue_full: {
    stage: 'stack',
    sentence: 'The queue of the delaying stage of the local stack is full.',
  },
} as const satisfies Record<string, DropReasonFacts>

/** Closed set of drop reasons. */
export type DropReason = keyof typeof reasons

/** Reason to stage, sentence, and whether a topology asks for it. */
export const DROP_REASONS: Readonly<Record<DropReason, DropReasonFacts>> = reasons
