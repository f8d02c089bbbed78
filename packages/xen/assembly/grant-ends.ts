// The end of a guest's access to what it has granted, for many slots at once.
import { GTF_READING, GTF_WRITING } from '../src/grant-abi'
import { alone } from './pins'

/**
 * The guest's end of access for `count` slots at `queue` of the table of entry addresses at `entries`: flags to 0 by one
 * exchange, unless somebody uses the page. `results` gets 1 for ended, 0 for in use. How many are in use.
 */
export function endGrants(entries: i32, queue: i32, count: i32, results: i32): i32 {
  return alone() ? endAll(entries, queue, count, results, true) : endAll(entries, queue, count, results, false)
}

// @ts-ignore: decorator
@inline
function endAll(entries: i32, queue: i32, count: i32, results: i32, alone: bool): i32 {
  let busy = 0
  const bytes = count << 2
  for (let at = 0; at < bytes; at += 4) {
    const ended = endGrant(load<i32>(entries + (load<i32>(queue + at) << 2)), alone)
    store<i32>(results + at, ended)
    busy += 1 - ended
  }
  return busy
}

// @ts-ignore: decorator
@inline
function endGrant(entry: i32, alone: bool): i32 {
  let flags = <i32>load<u16>(entry)
  if (alone) {
    if ((flags & (GTF_READING | GTF_WRITING)) != 0) return 0
    store<u16>(entry, 0)
    return 1
  }
  while ((flags & (GTF_READING | GTF_WRITING)) == 0) {
    const seen = <i32>atomic.cmpxchg<u16>(entry, <u16>flags, 0)
    if (seen == flags) return 1
    flags = seen
  }
  return 0
}
