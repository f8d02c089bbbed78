import { setFlagsFromString } from 'node:v8'

/**
 * Let V8 put more of a burst's loop into one piece of machine code: its budget for inlining is made for programs whose
 * time goes to many places, here it goes to a few. Worth 6 % of the slow path within a host at 64 bytes (265 to 248 ns a
 * frame on Node 20). It is the process's, so the library does not do it by itself: call it once, first; `netaccel` and the
 * benches do. A budget of 3,000 was tried and is slower: compiling then takes seconds.
 */
export function tuneV8(): void {
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=2000')
}
