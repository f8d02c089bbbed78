import { runProbe } from './probe.js'
import { runTcp } from './tcp.js'

/** Run one of the programs that `start` runs in a guest's namespace. Not a command for users. */
export function runProgram([name, own = '', peer, rate]: readonly string[]): void {
  if (name === 'probe') runProbe(own, peer ?? '', Number(rate))
  if (name === 'tcp') runTcp(own, peer)
}
