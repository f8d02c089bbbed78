import { execFile, type ExecFileException } from 'node:child_process'
import { HostError } from '../errors.js'

const LONGEST_MS = 300_000

/** What npm's own codes mean to somebody who adds a plugin. */
const SENTENCES: Readonly<Record<string, string>> = {
  E404: 'the registry has no such package; look at its name, or give a folder or a tarball; what it depends on must be there, or installed here',
  ETARGET: 'the registry has no such version of the package',
  EINTEGRITY:
    'the bytes of a package are not those that package-lock.json names: a tarball was changed; install it under another name, or remove its entry there if the change is meant',
  ENOTFOUND: 'the registry cannot be reached; look at the network, or give a folder or a tarball',
  EAI_AGAIN: 'the registry cannot be reached; look at the network, or give a folder or a tarball',
  ECONNREFUSED: 'the registry cannot be reached; look at the network, or give a folder or a tarball',
  ENOTCACHED: 'npm works offline here, and has the package not in its cache',
  EACCES: 'npm may not write there; look at the rights of the folder',
  ENOSPC: 'the disk is full',
  ERESOLVE: 'its peer dependencies do not fit what is installed here',
  EBADENGINE: 'it needs another version of Node',
}

/**
 * Run npm in a folder. Returns what it wrote on standard output.
 * @throws HostError ADD_FAILED with npm's code and what it means
 */
export function npm(folder: string, args: readonly string[]): Promise<string> {
  const script = process.env['npm_execpath']
  const [command, first] = script?.endsWith('.js') === true ? [process.execPath, [script]] : ['npm', []]
  return new Promise((resolve, reject) => {
    const options = { cwd: folder, timeout: LONGEST_MS, maxBuffer: 1 << 24, encoding: 'utf8' } as const
    execFile(command, [...first, '--loglevel=error', ...args], options, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new HostError('ADD_FAILED', `npm ${args[0]} failed: ${meaning(error, stderr)}.`, [], error))
    })
  })
}

/** What npm's standard error says, in one sentence without a full stop. */
export function meaning(error: Pick<ExecFileException, 'code' | 'message'>, stderr: string): string {
  if (error.code === 'ENOENT') return 'npm is not installed, or not in PATH'
  const code = /npm (?:error|ERR!) code (\w+)/.exec(stderr)?.[1] ?? ''
  const sentence = SENTENCES[code]
  const [, missing] = /'([^']+)' is not in this registry/.exec(stderr) ?? []
  if (sentence !== undefined) return `${code}${missing === undefined ? '' : ` (${missing})`}, ${sentence}`
  const lines = stderr
    .split('\n')
    .filter((line) => !line.startsWith('npm warn'))
    .map((line) => line.replace(/^npm (?:error|ERR!) ?/, '').trim())
    .filter((line) => line !== '' && !line.startsWith('A complete log') && !line.startsWith('code '))
  return [code, ...lines.slice(0, 2)].filter((part) => part !== '').join(', ') || error.message
}
