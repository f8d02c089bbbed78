import type { TraceRecord } from './record.js'

/** One packet and the places that saw it, or copies or segments of it. */
export interface TracedPacket {
  readonly flow: string
  readonly name: string
  readonly number: number
  /** Bytes behind the headers of layer 4, and bytes of the frame, as first seen. */
  readonly payload: number
  readonly length: number
  readonly records: readonly TraceRecord[]
}

interface Open extends TracedPacket {
  readonly records: TraceRecord[]
}

/**
 * Put records together by packet. A segment of a GSO frame belongs to the frame whose sequence range holds its own.
 * A packet that is offered again after it has gone on is another one: a repeated ARP request, a retransmission.
 */
export function groupPackets(records: readonly TraceRecord[]): TracedPacket[] {
  const packets: Open[] = []
  const byFlow = new Map<string, Open[]>()
  for (const record of records) {
    let flow = byFlow.get(record.flow)
    if (flow === undefined) byFlow.set(record.flow, (flow = []))
    let packet = flow.findLast((each) => holds(each, record))
    if (packet === undefined || (record.step === 'stack sends' && !isOnOffer(packet))) {
      const { flow: text, name, number, payload, length } = record
      packet = { flow: text, name, number, payload, length, records: [] }
      flow.push(packet)
      packets.push(packet)
    }
    packet.records.push(record)
  }
  return packets
}

/** Offered, and not taken yet: a device that is stopped leaves it with the stack, which offers it again. */
function isOnOffer(packet: TracedPacket): boolean {
  return packet.records.every(({ step }) => step === 'stack sends')
}

function holds(packet: TracedPacket, record: TraceRecord): boolean {
  if (record.number === packet.number && record.payload === packet.payload) return true
  if (!record.flow.startsWith('TCP') || record.payload === 0) return false
  const into = (record.number - packet.number) >>> 0
  return into + record.payload <= packet.payload
}
