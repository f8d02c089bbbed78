import { PortError } from './errors.js'

/** The calls of the C library that TAP devices need. Each returns what the call returns; -1 sets {@link Libc.errno}. */
export interface Libc {
  open(path: string, flags: number): number
  close(fd: number): number
  ioctlPointer(fd: number, request: number, argument: Uint8Array | Int32Array): number
  ioctlValue(fd: number, request: number, argument: number): number
  /** `iovec` lies in memory that the typed array covers. */
  readv(fd: number, iovec: Uint32Array, count: number): number
  writev(fd: number, iovec: Uint32Array, count: number): number
  ppoll(fds: Int32Array, count: number, timeout: Int32Array): number
  /** The error of the last call. */
  errno(): number
  /** Where a memory begins, as a number: user addresses have at most 48 bits, which a number holds exactly. */
  address(bytes: Uint8Array): number
}

export const EIO = 5
export const ENXIO = 6
export const EAGAIN = 11
export const ENOMEM = 12
export const EACCES = 13
export const EBUSY = 16
export const ENODEV = 19
export const ENOENT = 2
export const EPERM = 1
export const EINTR = 4
export const EINVAL = 22
export const ENOBUFS = 105

type ForeignCall = (...args: never[]) => number

let bound: Promise<Libc> | undefined

/**
 * The C library of a Linux machine, bound once.
 * Rejects with PortError 'NOT_SUPPORTED' on another system, or where koffi has no binary for it.
 */
export function libc(): Promise<Libc> {
  bound ??= bind()
  return bound
}

async function bind(): Promise<Libc> {
  if (process.platform !== 'linux') {
    throw new PortError(
      'NOT_SUPPORTED',
      `TAP devices need Linux, this is ${process.platform}; replay a capture instead`,
    )
  }
  try {
    const { default: koffi } = await import('koffi')
    const lib = koffi.load(null)
    const call = <F extends ForeignCall>(prototype: string): F => lib.func(prototype) as unknown as F
    return {
      open: call('int open(const char *path, int flags)'),
      close: call('int close(int fd)'),
      ioctlPointer: call('int ioctl(int fd, unsigned long request, void *argument)'),
      ioctlValue: call('int ioctl(int fd, unsigned long request, unsigned long argument)'),
      readv: call('intptr_t readv(int fd, void *iovec, int count)'),
      writev: call('intptr_t writev(int fd, void *iovec, int count)'),
      ppoll: ppollOf(call('int ppoll(void *fds, unsigned long count, void *timeout, void *sigmask)')),
      errno: () => koffi.errno(),
      address: (bytes) => Number(koffi.address(bytes)),
    }
  } catch (error) {
    throw new PortError(
      'NOT_SUPPORTED',
      `the C library cannot be called (koffi: ${error instanceof Error ? error.message : String(error)}); ` +
        'install the optional platform package of koffi, or replay a capture instead',
      { cause: error },
    )
  }
}

type Ppoll = (fds: Int32Array, count: number, timeout: Int32Array, sigmask: null) => number

function ppollOf(ppoll: Ppoll): Libc['ppoll'] {
  return (fds, count, timeout) => ppoll(fds, count, timeout, null)
}
