import { parseIp, parseMac, udpHeaders, writeUdp } from '@netaccel/packet'
import type { World } from '../build/world.js'
import { addressOf } from './start-traffic.js'

/** UDP port of the datagrams, at both ends: discard (RFC 863). */
const PORT = 9

/**
 * Send one UDP datagram with `text` from one guest's device to another's. True: the device took it, and it is on its way
 * while the world runs. False: the device has no room now. @throws HostError NO_SUCH_PART
 */
export function sendText(world: World, from: string, to: string, text: string): boolean {
  const vif = world.vif(from)
  const [near, far] = [addressOf(world, from), addressOf(world, to)]
  const options = {
    sourceMac: parseMac(near.mac),
    destinationMac: parseMac(far.mac),
    source: parseIp(near.ip),
    destination: parseIp(far.ip),
    sourcePort: PORT,
    destinationPort: PORT,
    ipId: 1,
    payload: new TextEncoder().encode(text),
  }
  const frame = vif.take(udpHeaders(options) + options.payload.length)
  if (frame === undefined) return false
  writeUdp(frame, options)
  if (vif.transmit([frame], 1) === 1) return true
  frame.release()
  return false
}
