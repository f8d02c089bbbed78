import { expect, it } from 'vitest'
import { retransmitsIn } from './tcp-load.js'

it.each([
  ['[  5][TX-C]   0.00-3.50   sec  4.77 GBytes  11.7 Gbits/sec    5             sender', 5],
  ['[  8][TX-S]   0.00-3.00   sec  5.12 GBytes  14.6 Gbits/sec   16             sender', 16],
  ['[  5][TX-C]   0.00-1.00   sec  1.02 GBytes  8.75 Gbits/sec    4   1023 KBytes', 0],
  ['[  7][RX-C]   0.00-3.50   sec  0.00 Bytes  0.00 bits/sec                  sender', 0],
  ['[  7][RX-C]   0.00-3.50   sec  5.11 GBytes  12.6 Gbits/sec                  receiver', 0],
])('takes the retransmits out of %s', (line, count) => {
  expect(retransmitsIn(line)).toBe(count)
})
