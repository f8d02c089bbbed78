import { expect, it } from 'vitest'
import { readPingSummary } from './ping.js'

it.each([
  [
    '12 packets transmitted, 11 received, 8.33333% packet loss, time 1100ms',
    { sent: 12, lost: 1, doubled: 0 },
  ],
  [
    '5 packets transmitted, 5 received, +2 duplicates, 0% packet loss, time 4005ms',
    { sent: 5, lost: 0, doubled: 2 },
  ],
  ['64 bytes from 10.77.0.2: icmp_seq=1 ttl=64 time=0.2 ms', undefined],
])('reads %s', (line, counts) => {
  expect(readPingSummary(line)).toEqual(counts)
})
