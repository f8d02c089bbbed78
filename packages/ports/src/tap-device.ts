import type { Frame } from '@netaccel/packet'
import { PortError } from './errors.js'
import { IOVEC_WORDS, writeIovec } from './iovec.js'
import {
  EACCES,
  EAGAIN,
  EBUSY,
  EINTR,
  EINVAL,
  EIO,
  ENOBUFS,
  ENODEV,
  ENOENT,
  ENOMEM,
  ENXIO,
  EPERM,
  libc,
} from './libc.js'
import type { Libc } from './libc.js'
import { readVnetHeader, VNET_HEADER, writeVnetHeader } from './vnet-header.js'

const TUN = '/dev/net/tun'
/** Linux uapi: asm-generic/fcntl.h, linux/if_tun.h, linux/if.h. */
const O_RDWR_NONBLOCK_CLOEXEC = 0x80802
const TUNSETIFF = 0x400454ca
const TUNSETOFFLOAD = 0x400454d0
const IFF_TAP = 0x0002
const IFF_NO_PI = 0x1000
const IFF_VNET_HDR = 0x4000
const TUN_F_CSUM = 0x01
const TUN_F_TSO4 = 0x02
const TUN_F_TSO6 = 0x04
const IFREQ_BYTES = 40
const IFREQ_FLAGS = 16
const IFNAMSIZ = 16

/** Longest frame that a TAP with segmentation offload hands over. */
export const TAP_LONGEST_FRAME = 65_550

export interface TapOptions {
  /** Take frames whose checksum is left to us. Default true; false also turns segmentation off. */
  readonly checksum?: boolean
  /** Take TCP frames of up to 64 KiB that are left to us to cut. Default true. */
  readonly gso?: boolean
}

/**
 * What a read or write came to. 'done'; 'empty': nothing to read; 'bad-header': the frame was read, its offload header
 * does not fit it; 'down', 'refused', 'full': this frame was not taken; 'gone': the device exists no more.
 */
export type TapOutcome = 'done' | 'empty' | 'bad-header' | 'down' | 'refused' | 'full' | 'gone'

/**
 * A Linux TAP device with offload headers, opened in the network namespace of the process; it may be moved to another
 * afterwards, and ends with the descriptor. One thread, never blocking.
 */
export class TapDevice {
  readonly name: string
  readonly fd: number
  /** Takes TCP frames of up to 64 KiB. */
  readonly gso: boolean
  readonly #libc: Libc
  readonly #header: DataView
  readonly #iovec: Uint32Array
  /** Where the memory of the frames begins, by its bytes; a guest's frames all lie in one. */
  #memory: Uint8Array
  #base: number
  #open: boolean

  private constructor(lib: Libc, name: string, fd: number, gso: boolean) {
    this.name = name
    this.fd = fd
    this.gso = gso
    this.#libc = lib
    const header = new Uint8Array(16)
    this.#header = new DataView(header.buffer)
    this.#iovec = new Uint32Array(2 * IOVEC_WORDS)
    this.#memory = header
    this.#base = lib.address(header)
    this.#open = true
    writeIovec(this.#iovec, 0, this.#base, VNET_HEADER)
  }

  /**
   * Make the device `name`. It is down and has no address yet.
   *
   * @throws PortError 'NOT_SUPPORTED', 'BAD_NAME', 'NO_TUN', 'NO_RIGHTS', 'NAME_IN_USE' or 'REFUSED'; nothing is left.
   */
  static async open(name: string, options: TapOptions = {}): Promise<TapDevice> {
    checkName(name)
    const lib = await libc()
    const fd = lib.open(TUN, O_RDWR_NONBLOCK_CLOEXEC)
    if (fd < 0) throw openError(lib.errno())
    const request = new Uint8Array(IFREQ_BYTES)
    for (let i = 0; i < name.length; i++) request[i] = name.charCodeAt(i)
    new DataView(request.buffer).setUint16(IFREQ_FLAGS, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR, true)
    if (lib.ioctlPointer(fd, TUNSETIFF, request) < 0) throw refused(lib, fd, name, 'TUNSETIFF')
    const { checksum = true, gso = true } = options
    const offload = !checksum ? 0 : gso ? TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 : TUN_F_CSUM
    if (lib.ioctlValue(fd, TUNSETOFFLOAD, offload) < 0) throw refused(lib, fd, name, 'TUNSETOFFLOAD')
    return new TapDevice(lib, name, fd, checksum && gso)
  }

  /** False after {@link close}. */
  get opened(): boolean {
    return this.#open
  }

  /**
   * Read the next frame into an empty one, at its offset; it is described as the kernel says.
   * A frame longer than the room would be cut without a word: give one of {@link TAP_LONGEST_FRAME} bytes.
   */
  read(frame: Frame): TapOutcome {
    this.#aim(frame, frame.start + frame.capacity - frame.offset)
    const lib = this.#libc
    const count = lib.readv(this.fd, this.#iovec, 2)
    if (count < 0) return readOutcome(lib.errno())
    if (count < VNET_HEADER) return 'empty'
    frame.length = count - VNET_HEADER
    return readVnetHeader(this.#header, 0, frame) ? 'done' : 'bad-header'
  }

  /** Hand a frame to the kernel. It stays the caller's. */
  write(frame: Frame): TapOutcome {
    writeVnetHeader(this.#header, 0, frame)
    this.#aim(frame, frame.length)
    const lib = this.#libc
    return lib.writev(this.fd, this.#iovec, 2) < 0 ? writeOutcome(lib.errno()) : 'done'
  }

  /** Give the descriptor back; the device goes with it. A second call does nothing. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#libc.close(this.fd)
  }

  /** The second part of the vector: `length` bytes at the frame's offset. The first is always the header. */
  #aim(frame: Frame, length: number): void {
    if (!this.#open) throw new PortError('CLOSED', `TAP device ${this.name} is closed`)
    if (frame.bytes !== this.#memory) {
      this.#memory = frame.bytes
      this.#base = this.#libc.address(frame.bytes)
    }
    writeIovec(this.#iovec, 1, this.#base + frame.offset, length)
  }
}

function readOutcome(errno: number): TapOutcome {
  // A read while the device is down gives EAGAIN; EIO has been seen between TUNSETIFF and `up`.
  return errno === EAGAIN || errno === EINTR || errno === EIO ? 'empty' : 'gone'
}

function writeOutcome(errno: number): TapOutcome {
  if (errno === EIO) return 'down'
  if (errno === EINVAL) return 'refused'
  // EBADFD: the device was destroyed, with its namespace for instance.
  const short = errno === EAGAIN || errno === EINTR || errno === ENOMEM || errno === ENOBUFS
  return short ? 'full' : 'gone'
}

function checkName(name: string): void {
  if (/^[^\s/:%]{1,15}$/.test(name) && name !== '.' && name !== '..' && Buffer.byteLength(name) < IFNAMSIZ)
    return
  throw new PortError(
    'BAD_NAME',
    `"${name}" is no name for a network device: give 1 to 15 characters without "/", ":", "%" and spaces`,
  )
}

function openError(errno: number): PortError {
  if (errno === ENOENT || errno === ENODEV || errno === ENXIO) {
    return new PortError(
      'NO_TUN',
      `${TUN} does not exist: load the module with \`modprobe tun\`, or replay a capture`,
    )
  }
  if (errno === EACCES || errno === EPERM) {
    return new PortError('NO_RIGHTS', `this user may not open ${TUN}: run as root, or replay a capture`)
  }
  return new PortError('REFUSED', `${TUN} cannot be opened (errno ${errno}): replay a capture instead`)
}

function refused(lib: Libc, fd: number, name: string, request: string): PortError {
  const errno = lib.errno()
  lib.close(fd)
  if (errno === EBUSY) {
    return new PortError(
      'NAME_IN_USE',
      `a network device "${name}" exists already: choose another name, or remove it`,
    )
  }
  if (errno === EPERM || errno === EACCES) {
    return new PortError(
      'NO_RIGHTS',
      `this user may not make the TAP device "${name}": it takes CAP_NET_ADMIN in this network namespace`,
    )
  }
  return new PortError(
    'REFUSED',
    `the kernel refused ${request} for the TAP device "${name}" (errno ${errno})`,
  )
}
