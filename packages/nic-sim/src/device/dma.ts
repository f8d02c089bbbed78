import type { WordView } from '@netaccel/packet'
import { copyBytes } from '@netaccel/packet'
import { BUFFER_PAGE } from '../constants.js'
import type { BufferTable } from './buffer-table.js'

const PAGE_MASK = BUFFER_PAGE - 1

/** Reads `length` bytes at buffer address `address`, which the VI owns, into `to`: page by page. */
export function dmaRead(
  table: BufferTable,
  address: number,
  length: number,
  to: WordView,
  toAt: number,
): void {
  let done = 0
  while (done < length) {
    const here = (address + done) >>> 0
    const part = Math.min(length - done, BUFFER_PAGE - (here & PAGE_MASK))
    copyBytes(to, toAt + done, table.memory(here), table.at(here), part)
    done += part
  }
}

/** The other way. */
export function dmaWrite(
  table: BufferTable,
  address: number,
  length: number,
  from: WordView,
  fromAt: number,
): void {
  let done = 0
  while (done < length) {
    const here = (address + done) >>> 0
    const part = Math.min(length - done, BUFFER_PAGE - (here & PAGE_MASK))
    copyBytes(table.memory(here), table.at(here), from, fromAt + done, part)
    done += part
  }
}
