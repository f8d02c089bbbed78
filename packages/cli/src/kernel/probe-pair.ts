import { CliError } from '../errors.js'
import type { ProbeReport } from '../programs/probe.js'
import type { ProbeResult } from '../start/traffic.js'
import type { GuestNamespace } from './guest-namespace.js'
import { Program } from './programs.js'

/** Datagrams a second each way: above the 1,000 that a run promises, since a late process sends late. */
const RATE = 1100
const ANSWER_PATIENCE_MS = 5000

interface End {
  readonly program: Program
  /** The next line that the program prints. */
  next(): Promise<string>
}

/** The probe programs of both guests. */
export class ProbePair {
  readonly #ends: readonly End[]

  private constructor(ends: readonly End[]) {
    this.#ends = ends
  }

  static async open(
    sides: readonly { readonly namespace: GuestNamespace; readonly address: string; readonly peer: string }[],
    own: readonly string[],
  ): Promise<ProbePair> {
    const ends = sides.map(({ namespace, address, peer }) =>
      openEnd(namespace.inside([...own, 'probe', address, peer, String(RATE)])),
    )
    await Promise.all(ends.map((end) => end.next()))
    return new ProbePair(ends)
  }

  start(): void {
    for (const { program } of this.#ends) program.say('start')
  }

  /** No more datagrams are sent; the ends still count what arrives. */
  stop(): void {
    for (const { program } of this.#ends) program.say('stop')
  }

  /** Both ways together, and how many datagrams the ends' own kernels dropped unread. */
  async result(): Promise<{ result: ProbeResult; overflowed: number }> {
    const answers = this.#ends.map((end) => {
      end.program.say('report')
      return end.next()
    })
    const reports = (await Promise.all(answers)).map((line) => JSON.parse(line) as ProbeReport)
    const sum = (of: (report: ProbeReport) => number): number =>
      reports.reduce((total, one) => total + of(one), 0)
    const sent = sum((report) => report.sent)
    const lost = sent - sum((report) => report.received)
    const result = { sent, lost, doubled: sum((one) => one.doubled), reordered: sum((one) => one.reordered) }
    return { result, overflowed: sum((report) => report.overflowed) }
  }

  async close(): Promise<void> {
    await Promise.all(this.#ends.map(({ program }) => program.stop('SIGTERM')))
  }
}

function openEnd(command: readonly string[]): End {
  const lines: string[] = []
  const waiting: ((line: string) => void)[] = []
  const program = new Program('the probe', command, (line) => {
    const first = waiting.shift()
    if (first === undefined) lines.push(line)
    else first(line)
  })
  const next = (): Promise<string> => {
    const line = lines.shift()
    if (line !== undefined) return Promise.resolve(line)
    return new Promise((resolve, reject) => {
      const why = (what: string): CliError =>
        new CliError('PROGRAM', `the probe ${what}: ${program.complaints.trim() || 'it said nothing'}`)
      const timer = setTimeout(() => reject(why('did not answer')), ANSWER_PATIENCE_MS)
      void program.ended.then(() => reject(why('ended by itself')))
      waiting.push((text) => {
        clearTimeout(timer)
        resolve(text)
      })
    })
  }
  return { program, next }
}
