/**
 * What can go wrong on the control path of this package. Data from a peer never leads here: the functions of
 * the data path answer with a boolean or a closed union instead.
 */
export type PacketErrorCode =
  | 'BAD_ADDRESS'
  | 'BAD_ARENA'
  | 'BAD_OPTION'
  | 'DOUBLE_RELEASE'
  | 'FRAME_FREE'
  | 'FRAME_QUEUED'
  | 'NO_ROOM'
  | 'PCAP_FORMAT'
  | 'PCAP_TRUNCATED'

/** The one error class of `@netaccel/packet`: a closed code and a sentence with what to do about it. */
export class PacketError extends Error {
  readonly code: PacketErrorCode

  constructor(code: PacketErrorCode, message: string) {
    super(message)
    this.name = 'PacketError'
    this.code = code
  }
}
