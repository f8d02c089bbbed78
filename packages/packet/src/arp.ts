import { writeMac } from './ethernet.js'

/** ARP for IPv4 over Ethernet (RFC 826): 28 bytes behind the Ethernet header. */

export const ARP_HARDWARE_TYPE = 0
export const ARP_PROTOCOL_TYPE = 2
export const ARP_HARDWARE_LENGTH = 4
export const ARP_PROTOCOL_LENGTH = 5
export const ARP_OPERATION = 6
export const ARP_SENDER_MAC = 8
export const ARP_SENDER_IP = 14
export const ARP_TARGET_MAC = 18
export const ARP_TARGET_IP = 24
export const ARP_LENGTH = 28

export const ARP_REQUEST = 1
export const ARP_REPLY = 2

/** True if the 28 bytes at `at` are ARP for IPv4 over Ethernet; the caller has checked that they are there. */
export function isIpv4Arp(view: DataView, at: number): boolean {
  return view.getUint32(at) === 0x00010800 && view.getUint16(at + ARP_HARDWARE_LENGTH) === 0x0604
}

export function readArpOperation(view: DataView, at: number): number {
  return view.getUint16(at + ARP_OPERATION)
}

export function readArpSenderIp(view: DataView, at: number): number {
  return view.getUint32(at + ARP_SENDER_IP)
}

export function readArpTargetIp(view: DataView, at: number): number {
  return view.getUint32(at + ARP_TARGET_IP)
}

/** True if sender and target ask for or announce the same address. */
export function isGratuitousArp(view: DataView, at: number): boolean {
  return readArpSenderIp(view, at) === readArpTargetIp(view, at)
}

/** The whole ARP message; addresses as 6 and 4 bytes. */
export function writeArpMessage(
  view: DataView,
  at: number,
  operation: number,
  senderMac: Uint8Array,
  senderIp: Uint8Array,
  targetMac: Uint8Array,
  targetIp: Uint8Array,
): void {
  view.setUint32(at, 0x00010800)
  view.setUint16(at + ARP_HARDWARE_LENGTH, 0x0604)
  view.setUint16(at + ARP_OPERATION, operation)
  writeMac(view, at + ARP_SENDER_MAC, senderMac)
  writeMac(view, at + ARP_TARGET_MAC, targetMac)
  for (let i = 0; i < 4; i++) {
    view.setUint8(at + ARP_SENDER_IP + i, senderIp[i])
    view.setUint8(at + ARP_TARGET_IP + i, targetIp[i])
  }
}
