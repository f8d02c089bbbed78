import { parseMac } from '@netaccel/packet'

/** A MAC address as the hardware compares it: its first two bytes, and its last four as a signed word, never boxed. */
export interface MacWords {
  readonly high: number
  readonly low: number
}

/** Throws PacketError for a text that is no address. */
export function macWords(text: string): MacWords {
  const mac = parseMac(text)
  const view = new DataView(mac.buffer, mac.byteOffset)
  return { high: view.getUint16(0), low: view.getInt32(2) }
}
