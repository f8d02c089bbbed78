import type { PingResult } from '../start/traffic.js'
import type { GuestNamespace } from './guest-namespace.js'
import { needProgram, Program } from './programs.js'

const INTERVAL_SECONDS = '0.1'
/** A reply that takes longer than this is not coming. */
const REPLY_PATIENCE_MS = 2000

/** The system's `ping` in a guest's namespace. */
export class Ping {
  readonly #program: Program
  #summary: PingResult = { sent: 0, lost: 0, doubled: 0 }
  #onReply: (() => void) | undefined

  constructor(namespace: GuestNamespace, peer: string) {
    const command = [needProgram('ping'), '-n', '-i', INTERVAL_SECONDS, peer]
    this.#program = new Program('ping', namespace.inside(command), (line) => this.#read(line))
  }

  /** Resolves with the next reply; false if none comes. */
  reply(): Promise<boolean> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), REPLY_PATIENCE_MS)
      this.#onReply = () => {
        clearTimeout(timer)
        resolve(true)
      }
    })
  }

  /** Ends it just after a reply, so that the last request has been answered, and gives its own count. */
  async stop(): Promise<PingResult> {
    await this.reply()
    await this.#program.stop('SIGINT')
    return this.#summary
  }

  #read(line: string): void {
    this.#summary = readPingSummary(line) ?? this.#summary
    if (line.includes('bytes from')) this.#onReply?.()
  }
}

/** `12 packets transmitted, 11 received, +1 duplicates, 8% packet loss, time 1100ms`; undefined for any other line. */
export function readPingSummary(line: string): PingResult | undefined {
  const match = /^(\d+) packets transmitted, (\d+) received(?:, \+(\d+) duplicates)?/.exec(line)
  if (match === null) return undefined
  const sent = Number(match[1])
  return { sent, lost: sent - Number(match[2]), doubled: Number(match[3] ?? 0) }
}
