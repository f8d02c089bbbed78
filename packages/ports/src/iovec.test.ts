import { expect, it } from 'vitest'
import { IOVEC_WORDS, writeIovec } from './iovec.js'

it('writes 64-bit addresses as two words, exact up to the last user address', () => {
  const iovec = new Uint32Array(2 * IOVEC_WORDS)
  writeIovec(iovec, 0, 0x7fff_ffff_f001, 10)
  writeIovec(iovec, 1, 0xffff_ffff, 0x1_0010)
  const words = new BigUint64Array(iovec.buffer)
  expect([...words]).toEqual([0x7fff_ffff_f001n, 10n, 0xffff_ffffn, 0x1_0010n])
})
