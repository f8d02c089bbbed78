import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { CliError } from '../errors.js'

/** Where a program stands: in PATH, or where Debian keeps what only root has in PATH. Undefined: nowhere. */
export function findProgram(name: string): string | undefined {
  for (const folder of [
    ...(process.env['PATH'] ?? '').split(delimiter),
    '/usr/sbin',
    '/sbin',
    '/usr/bin',
    '/bin',
  ]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not there: the next folder.
    }
  }
  return undefined
}

/** As {@link findProgram}. Throws CliError 'REFUSED' when it is nowhere. */
export function needProgram(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new CliError('REFUSED', `the program \`${name}\` is not installed`)
  return path
}

/** A command line that the kernel kills with SIGKILL as soon as the process that started it is gone. */
export function dyingWithUs(command: readonly string[]): string[] {
  return [needProgram('setpriv'), '--pdeathsig', 'KILL', ...command]
}

/** Run a short program to its end with this on its input. Throws CliError 'PROGRAM' with what it complained about. */
export function runShort(command: readonly string[], input = ''): string {
  const [program, ...args] = command
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    timeout: 10_000,
  })
  if (status === 0) return stdout
  const why = error?.message ?? stderr.trim().split('\n').slice(-3).join('; ')
  throw new CliError('PROGRAM', `\`${command.join(' ')}\` failed: ${why || `exit status ${status}`}`)
}

/** A long-running program of ours: its output by lines, its end, and how to end it. */
export class Program {
  readonly name: string
  readonly child: ChildProcess
  /** Resolves with the exit status, or undefined when a signal ended it. Never rejects. */
  readonly ended: Promise<number | undefined>
  running = true
  /** The last lines of its error output, for a message. */
  complaints = ''
  #rest = ''

  constructor(name: string, command: readonly string[], onLine: (line: string) => void = () => undefined) {
    this.name = name
    const [program, ...args] = dyingWithUs(command)
    // LC_ALL: what it prints is parsed.
    const env = { ...process.env, LC_ALL: 'C' }
    this.child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], env })
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.complaints += error.message
        this.running = false
        resolve(undefined)
      })
      this.child.on('close', (code) => {
        this.running = false
        if (this.#rest !== '') onLine(this.#rest)
        resolve(code ?? undefined)
      })
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      const lines = (this.#rest + text).split('\n')
      this.#rest = lines.pop() as string
      for (const line of lines) onLine(line)
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.complaints = (this.complaints + text).slice(-500)
    })
    // A program that has gone cannot read what we write: its end is told by `ended`.
    this.child.stdin?.on('error', () => undefined)
  }

  say(line: string): void {
    this.child.stdin?.write(`${line}\n`)
  }

  signal(signal: NodeJS.Signals): void {
    if (this.running) this.child.kill(signal)
  }

  /** Ask it to end, insist after `patienceMs`, and wait until it has. */
  async stop(signal: NodeJS.Signals = 'SIGTERM', patienceMs = 2000): Promise<number | undefined> {
    this.signal(signal)
    const insist = setTimeout(() => this.signal('SIGKILL'), patienceMs)
    const status = await this.ended
    clearTimeout(insist)
    return status
  }
}
