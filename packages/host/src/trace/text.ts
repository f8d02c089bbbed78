import type { TracedPacket } from './packets.js'
import type { TraceRecord } from './record.js'
import { STEPS } from './steps.js'

/** `12.345 us`, aligned. */
function time(ns: number): string {
  return `${(ns / 1000).toFixed(3).padStart(13)} us`
}

/** A record on one line, with the packet it is about. */
export function lineOf(record: TraceRecord): string {
  const { at, host, stage, step, place, path, flow, name, length, segments } = record
  const where = `${host.padEnd(4)} ${stage.padEnd(3)} ${step.padEnd(15)} ${place.padEnd(16)} ${path.padEnd(4)}`
  return `${time(at)}  ${where}  ${flow}, ${name}, ${size(length, segments)}`
}

/** A packet and its way: times since it was first seen. Segments that do the same one after another share a line. */
export function packetText(packet: TracedPacket): string {
  const { flow, name, length, records } = packet
  const lines = [`${flow}, ${name}, ${length} bytes`]
  for (let i = 0; i < records.length;) {
    const first = records[i]
    let next = i + 1
    while (next < records.length && isSame(first, records[next])) next++
    lines.push(stepText(records.slice(i, next), records[0].at))
    i = next
  }
  return lines.join('\n')
}

function isSame(one: TraceRecord, other: TraceRecord): boolean {
  return one.step === other.step && one.place === other.place && one.path === other.path
}

function stepText(records: readonly TraceRecord[], start: number): string {
  const [{ at, stage, step, place, path, length, segments }] = records
  const many = records.length > 1 ? `${records.length} frames` : size(length, segments)
  const where = `${stage.padEnd(3)} ${step.padEnd(15)} ${place.padEnd(22)}`
  return `${time(at - start)}  ${where} ${path.padEnd(4)}  ${many.padEnd(24)}  ${STEPS[step].says}`
}

function size(length: number, segments: number): string {
  return segments === 1 ? `${length} bytes` : `${length} bytes (${segments} segments)`
}
