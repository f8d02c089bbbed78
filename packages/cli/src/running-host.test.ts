// The walk of docs/running-a-host.md, command by command, against a host in a process of its own; then what else can be
// typed at that host, in this process.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { main } from './main.js'

const BIN = fileURLToPath(new URL('../dist/bin.js', import.meta.url))
const PLUGIN = fileURLToPath(new URL('../../accel-solarflare-sim', import.meta.url))
const page = readFileSync(new URL('../../../docs/running-a-host.md', import.meta.url), 'utf8')

const folder = mkdtempSync(join(tmpdir(), 'netaccel-walk-'))
const run = join(folder, 'run')
const project = join(folder, 'project')
const before = { cwd: process.cwd(), runtime: process.env['XDG_RUNTIME_DIR'] }

let host: ChildProcess
let said = ''
let ended: Promise<number | null>

function blocks(kind: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${kind}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(
    ([, text = '']) => text,
  )
}

/** Commands and what they print, as the page has them. */
interface Step {
  readonly command: string
  readonly output: readonly string[]
}

function stepsOf(block: string): Step[] {
  return block
    .split(/^\$ netaccel /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...output] = part.trimEnd().split('\n')
      return { command, output }
    })
}

/**
 * What is left of a line when everything is masked that another machine, another moment or another seed changes: numbers,
 * hashes, folders, the width of columns, and how far the world is behind the clock.
 */
function masked(line: string): string {
  return line
    .replaceAll(/\([0-9a-f]{12}\)/g, '(#)')
    .replaceAll(/\/?[^ ]*\/(?=two-hosts)/g, '')
    .replaceAll(/, \d+\.\d s behind the machine's clock/g, '')
    .replaceAll(/(?:slow|fast) (TCP [^,]*, seq )\d+, \d+ bytes.*?; .* us$/g, '$1#: its stages')
    .replaceAll(/(?<![a-z0-9.])\d+(?:\.\d+)?[kMG]?(?![a-z0-9.])/g, '#')
    .replaceAll(/# (?:us|ms|s)\b/g, '# s')
    .replaceAll(/ +/g, ' ')
    .trim()
}

/** Equal line for line; a line of `…` stands for the rest. */
function expectOutput(output: readonly string[], page: readonly string[]): void {
  const rest = page.indexOf('…')
  const wanted = rest < 0 ? page : page.slice(0, rest)
  const found = rest < 0 ? output : output.slice(0, rest)
  expect(found.map(masked)).toEqual(wanted.map(masked))
}

const env = { ...process.env, XDG_RUNTIME_DIR: run, NO_COLOR: '1' }

/** A command in a process of its own, as in a second terminal. */
function typed(command: string): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, [BIN, ...command.split(' ')], {
    cwd: project,
    env,
    encoding: 'utf8',
  })
  return `${stdout}${stderr}`.trimEnd().split('\n')
}

/** A command in this process. */
async function netaccel(
  ...args: readonly string[]
): Promise<{ status: number; out: string[]; err: string[] }> {
  const out: string[] = []
  const err: string[] = []
  const spies = [
    vi.spyOn(console, 'log').mockImplementation((line: string) => void out.push(line)),
    vi.spyOn(console, 'error').mockImplementation((line: string) => void err.push(line)),
  ]
  const status = await main(args)
  for (const spy of spies) spy.mockRestore()
  return { status, out, err }
}

/** A build of the plugin as a tarball, as `npm pack` makes it. */
function pack(version: string): void {
  const source = join(folder, version)
  mkdirSync(source)
  cpSync(join(PLUGIN, 'dist'), join(source, 'dist'), {
    recursive: true,
    filter: (path) => !path.endsWith('.map'),
  })
  for (const half of ['frontend', 'backend'])
    appendFileSync(join(source, `dist/${half}.cjs`), `// ${version}\n`)
  const { netaccel: manifest } = JSON.parse(readFileSync(join(PLUGIN, 'package.json'), 'utf8')) as {
    netaccel: object
  }
  const content = {
    name: 'my-nic',
    version,
    keywords: ['netaccel-plugin'],
    files: ['dist/*.cjs'],
    netaccel: { ...manifest, name: 'my_nic' },
  }
  writeFileSync(join(source, 'package.json'), JSON.stringify(content))
  const { status } = spawnSync('npm', ['pack', '--silent', '--pack-destination', project], { cwd: source })
  expect(status).toBe(0)
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setTimeout(resolve, 20))
}

beforeAll(async () => {
  mkdirSync(run, { mode: 0o700 })
  mkdirSync(project)
  for (const version of ['1.0.0', '2.0.0']) pack(version)
  writeFileSync(join(project, 'two-hosts.json'), blocks('json')[0])
  host = spawn(process.execPath, [BIN, 'run', 'two-hosts.json'], { cwd: project, env })
  for (const stream of [host.stdout, host.stderr])
    stream?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  ended = new Promise((resolve) => host.on('close', resolve))
  process.env['XDG_RUNTIME_DIR'] = run
  process.chdir(project)
  await until(() => said.includes('Ctrl-C ends it'))
})

afterAll(() => {
  host.kill('SIGKILL')
  process.chdir(before.cwd)
  if (before.runtime === undefined) delete process.env['XDG_RUNTIME_DIR']
  else process.env['XDG_RUNTIME_DIR'] = before.runtime
  rmSync(folder, { recursive: true })
})

const [[first], ...others] = blocks('console').map(stepsOf)
const walk = others.flat()
const stop = walk.pop()

describe('docs/running-a-host.md', () => {
  it('begins with what the host says', () => {
    expect(first.command).toBe('run two-hosts.json')
    expectOutput(said.trimEnd().split('\n'), first.output)
  })

  it.each(walk)('$command', async ({ command, output }) => {
    const { out, err } = await netaccel(...command.split(' '))
    expectOutput([...out, ...err], output)
  })

  it('has left a capture', () => {
    expect(existsSync(join(project, 'captures/two-hosts-1.pcapng'))).toBe(true)
  })
})

describe('each command on a running host', () => {
  const vif = 'a.guest1.vif0'

  it.each<[string, string[]]>([
    ['list', ['list']],
    ['add', ['add', './my-nic-1.0.0.tgz']],
    ['load', ['load', 'my-nic', '--options', '{"table":"lru"}']],
    ['upgrade', ['upgrade', './my-nic-2.0.0.tgz']],
    ['detach', ['detach', vif]],
    ['attach', ['attach', vif, 'eth0']],
    ['status', ['status', '--host', 'two-hosts']],
    ['top', ['top', '--count', '2', '--interval', '0.05']],
    ['trace', ['trace', '--count', '2', '--run-dir', join(run, 'netaccel/two-hosts')]],
    ['unload', ['unload', 'my_nic', '--prove', '--deadline', '5000']],
    ['prove', ['prove']],
    ['explain', ['explain', 'tx-03']],
  ])('%s --json is JSON, line for line', async (_name, args) => {
    const { status, out } = await netaccel(...args, '--json')
    expect(status).toBe(0)
    expect(out.length).toBeGreaterThan(0)
    for (const line of out) expect(typeof JSON.parse(line)).toBe('object')
  })

  it.each<[string, string[], number, string]>([
    ['an unknown vif', ['detach', 'a.guest1.vif1'], 5, 'Did you mean a.guest1.vif0? (NO_SUCH_PART)'],
    ['an unknown port', ['attach', vif, 'eht0'], 5, 'Did you mean eth0? (NO_SUCH_PART)'],
    ['an unknown plugin', ['load', 'my_nci'], 5, 'Did you mean my_nic? (NO_SUCH_PART)'],
    ['one that is not loaded', ['unload', 'my_nic'], 5, 'my_nic is not loaded; loaded: nothing.'],
    ['an upgrade of nothing', ['upgrade', 'my_nic'], 5, 'NOT_LOADED: my_nic'],
    ['an unknown host of the world', ['load', 'my_nic', '--hosts', 'a,c'], 5, 'There is no host "c"'],
    ['an unknown host', ['status', '--host', 'two-host'], 4, 'the nearest is two-hosts. (NO_HOST)'],
    ['a run directory without one', ['status', '--run-dir', folder], 4, 'start one with `netaccel run FILE`'],
    ['an unknown command', ['uplaod', 'x'], 2, 'there is no command "uplaod": the nearest is unload'],
    [
      'an unknown option',
      ['unload', 'x', '--proof'],
      2,
      'there is no option "--proof": the nearest is --prove',
    ],
    ['an unknown rule', ['explain', 'TX-3'], 2, 'no table has "TX-3": the nearest is TX-03'],
    ['a deadline that is none', ['unload', 'x', '--deadline', 'soon'], 2, '--deadline takes a number from 0'],
    ['options that are no JSON', ['load', 'my_nic', '--options', '{'], 2, '--options is not JSON'],
    ['options that are no object', ['load', 'my_nic', '--options', '[1]'], 2, '--options takes an object'],
    [
      'a tarball of other bytes',
      ['add', './my-nic-2.0.0.tgz', '--integrity', 'sha512-AAAA'],
      5,
      'BAD_INTEGRITY',
    ],
    ['a tarball that is not there', ['add', './my-nic-3.0.0.tgz'], 5, 'There is no package in'],
    ['a folder without a manifest', ['add', '.'], 5, 'BAD_MANIFEST'],
    ['a second host of the name', ['run', 'two-hosts.json'], 2, 'A host runs already with'],
  ])('%s: one sentence and its status', async (_what, args, status, sentence) => {
    const found = await netaccel(...args)
    expect([found.status, found.out]).toEqual([status, []])
    expect(found.err).toHaveLength(1)
    expect(found.err[0]).toContain(sentence)
    expect(found.err[0]).toMatch(/^netaccel: [^\n]*$/)
  })

  it('asks which host when several run', async () => {
    const other = join(run, 'netaccel/other')
    mkdirSync(other)
    const server: Server = createServer()
    await new Promise<void>((resolve) => void server.listen(join(other, 'host.sock'), resolve))
    const { status, err } = await netaccel('status')
    expect([status, err]).toEqual([
      2,
      ['netaccel: 2 hosts are running: other, two-hosts; choose one with --host'],
    ])
    await new Promise((resolve) => server.close(resolve))
  })

  it('top draws a table anew on a terminal', async () => {
    const wrote: string[] = []
    const terminal = process.stdout.isTTY
    process.stdout.isTTY = true
    const spy = vi.spyOn(process.stdout, 'write').mockImplementation((text) => wrote.push(String(text)) > 0)
    const status = await main(['top', '--count', '2', '--interval', '0.05'])
    spy.mockRestore()
    process.stdout.isTTY = terminal
    expect([status, wrote.length]).toEqual([0, 3])
    expect(wrote[0]).toContain('The first rates come after 0.05 s.')
    expect(wrote[2].startsWith('\u001B[7A\r\u001B[Jtwo-hosts: ')).toBe(true)
    expect(wrote[2]).toMatch(/a\.guest1\.vif0 +none/)
  })
})

describe('the end', () => {
  it('is what the page says', async () => {
    expectOutput(typed(stop?.command ?? ''), stop?.output ?? [])
    expect(await ended).toBe(0)
    const end = blocks('text')[0].trimEnd().split('\n')
    expectOutput(said.trimEnd().split('\n').slice(-end.length), end)
  })

  it('leaves nobody to ask, and status 4', async () => {
    expect(await netaccel('status')).toEqual({
      status: 4,
      out: [],
      err: ['netaccel: No host is running: start one with `netaccel run FILE`. (NO_HOST)'],
    })
  })
})
