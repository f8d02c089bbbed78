// How much memory a host and its domains get.
import { PAGE_SIZE } from '@netaccel/xen'
import type { GuestValue, HostValue, VifValue } from '../value/world-value.js'

const MEBIBYTE = 1 << 20
/** Of a domain whose value does not say, with one queue for each device. */
const DEFAULT_MEBIBYTES = 16
/** What each further queue takes: pages to receive into and buffers to send from; in the driver domain, frames on the way. */
const GUEST_QUEUE_MEBIBYTES = 3
const DRIVER_QUEUE_MEBIBYTES = 1.25
/** The hypervisor's own tables. */
const HYPERVISOR_MEBIBYTES = 2
/** As both drivers without a setting. */
const DEFAULT_MOST_QUEUES = 8

/** Buffers of a device with one queue, and most of one with any number. */
const SMALL_BUFFERS = 256
const MOST_SMALL_BUFFERS = 2048
const JUMBO_BUFFERS = 8
const MOST_JUMBO_BUFFERS = 64

export function pagesOf(mebibytes: number): number {
  return (mebibytes * MEBIBYTE) / PAGE_SIZE
}

/** Buffers to send from, of a device of so many queues. */
export function sendBuffers(queues: number): { readonly small: number; readonly jumbo: number } {
  return {
    small: Math.min(MOST_SMALL_BUFFERS, SMALL_BUFFERS * queues),
    jumbo: Math.min(MOST_JUMBO_BUFFERS, JUMBO_BUFFERS * queues),
  }
}

/** Queues that a device asks for, in a guest of so many virtual CPUs. */
export function queuesOf({ queues }: Pick<VifValue, 'queues'>, vcpus = 1): number {
  return queues ?? Math.min(DEFAULT_MOST_QUEUES, vcpus)
}

function queuesOfGuest({ vcpus, vifs }: GuestValue): readonly number[] {
  return Object.values(vifs).map((vif) => queuesOf(vif, vcpus))
}

export function guestMebibytes(guest: GuestValue): number {
  const further = queuesOfGuest(guest).reduce((sum, queues) => sum + queues - 1, 0)
  return guest.memory ?? DEFAULT_MEBIBYTES + GUEST_QUEUE_MEBIBYTES * further
}

/** Of the driver domain. */
export function driverMebibytes({ driver = {}, guests = {} }: HostValue): number {
  const { memory, vcpus = 1, queues: most = Math.min(DEFAULT_MOST_QUEUES, vcpus) } = driver
  const asked = Object.values(guests).flatMap(queuesOfGuest)
  const further = asked.reduce((sum, queues) => sum + Math.min(queues, most) - 1, 0)
  return memory ?? DEFAULT_MEBIBYTES + Math.ceil(DRIVER_QUEUE_MEBIBYTES * further)
}

/** Of the whole machine: what its domains need, or more if the value says so. */
export function machineBytes(value: HostValue): number {
  const guests = Object.values(value.guests ?? {}).map(guestMebibytes)
  const needed =
    HYPERVISOR_MEBIBYTES + driverMebibytes(value) + guests.reduce((sum, memory) => sum + memory, 0)
  return Math.max(value.memory ?? 0, needed) * MEBIBYTE
}
