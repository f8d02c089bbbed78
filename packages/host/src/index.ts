export * from './build/build.js'
export { GuestVif, type EdgeCount } from './build/guest-vif.js'
export { Guest } from './build/guest.js'
export type { GuestMemory } from './build/guest-memory.js'
export { Host } from './build/host.js'
export { Nic } from './build/nic.js'
export { readFolder, readInstalled, type ReadPackage } from './build/plugin-folder.js'
export type { HalfIn, LeakedIn, WorldProof } from './build/proving.js'
export type { HalfUnload, UnloadSummary } from './build/stops.js'
export type { HalfUpgrade, UpgradeSummary } from './build/upgrading.js'
export type { FaultsOf, WrapOf } from './build/plugins.js'
export { World } from './build/world.js'
export type { NamedLane, WorldLoadOptions, WorldUnloadOptions } from './build/world-parts.js'
export type { Account } from './check/account.js'
export { accounts } from './check/ledger.js'
export * from './check/oracle.js'
export { type PathCount, PathMeter } from './check/path-meter.js'
export { left, type Resources } from './check/resources.js'
export type { CounterValues, VifStatus, WayStatus, WorldStatus } from './check/status.js'
export { judge, type Verdict } from './check/verdict.js'
export * from './control/host-client.js'
export { METHOD_NAMES, type HostStatus } from './control/host-methods.js'
export type {
  HalfPlace,
  InstalledPlugin,
  LoadReport,
  PluginList,
  UnloadReport,
  UpgradeReport,
} from './control/host-plugins.js'
export { type Added, addPlugin, type AddRequest } from './control/host-add.js'
export * from './control/host-protocol.js'
export {
  clearSocket,
  type FoundHost,
  HOST_SOCKET,
  openRunDirectory,
  probeSocket,
  runDirectoryOf,
  runningHosts,
  runRoot,
} from './control/host-run-directory.js'
export { HostServer } from './control/host-server.js'
export { storeSocketName, XenstoredSocket } from './control/xenstored.js'
export type { Controlled } from './control/controlled.js'
export type { TraceResult } from './control/host-trace.js'
export * from './errors.js'
export { frameLine, type FrameWay } from './trace/frame-line.js'
export type { TracedPacket } from './trace/packets.js'
export type { StepCount, TraceRecord } from './trace/record.js'
export { type Path, type Step, STEPS } from './trace/steps.js'
export { Trace, type TraceOptions, type TraceSpan } from './trace/trace.js'
export { sendText } from './traffic/datagram.js'
export * from './traffic/flows.js'
export * from './traffic/start-traffic.js'
export * from './traffic/virtual-stack.js'
export { checkWorld } from './value/check-world.js'
export * from './value/world-value.js'
export { MET, type Met } from './trial/coverage.js'
export { PLACES, type Place, standing } from './trial/standing.js'
export {
  type SwitchingOptions,
  type SwitchingReport,
  switchingTraffic,
  switchingTrial,
  switchingWire,
} from './trial/switching.js'
export { type PauseOptions, type PauseReport, pauseTrial } from './trial/pause.js'
export { twoHosts } from './trial/two-hosts.js'
export { tuneV8 } from './tune-v8.js'
