import type { WorldStatus } from '../check/status.js'
import { type Controlled, worldPause } from './controlled.js'
import type { Stream } from './host-connection.js'

const NS_PER_MS = 1_000_000
const SHORTEST_MS = 10

/** The host's status again and again until the client has enough. Returns the items that it was too slow for. */
export async function top(
  host: Controlled,
  { intervalMs = 1000, count = Infinity }: { readonly intervalMs?: number; readonly count?: number },
  statusOf: () => WorldStatus,
  stream: Stream,
): Promise<{ readonly missed: number }> {
  let missed = 0
  for (let sent = 0; sent < count && !stream.signal.aborted; sent += 1) {
    if (!stream.send(statusOf())) missed += 1
    if (sent + 1 < count) await worldPause(host, Math.max(SHORTEST_MS, intervalMs) * NS_PER_MS, stream.signal)
  }
  return { missed }
}
