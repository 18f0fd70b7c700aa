/**
 * What the agent needs from outside: everything that has a clock, a wire, a model or a sensor behind it. The program on a device wires the real
 * ones; a simulation runs hundreds of agents in one process with a model runtime of arithmetic, and the agent's own code is the same.
 */
import type { EnergyTier } from '../../contract/records/telemetry.ts';
import type { AckMessage, BirthMessage, CommandMessage, Inventory, ReportMessage, TelemetryMessage, WelcomeMessage } from '../../contract/wire/messages.ts';
import type { UpdateDocuments } from '../artifact/verify.ts';
import type { InstallDisk } from './install/disk.ts';
import { DEFAULT_DOWNLOAD, type DownloadPolicy, type Fetch } from './install/download.ts';
import type { InstalledModel } from './install/installer.ts';

/** Who the device is; from its enrolment. */
export interface AgentIdentity {
  readonly deviceId: string;
  readonly class: string;
  readonly workload: string;
  /** True: everything that it reports is simulated. */
  readonly simulated: boolean;
}

export interface AgentClock {
  /** The device's clock, milliseconds since 1970; may be years off and may jump. */
  now(): number;
  /** Milliseconds that only ever go forward, from any beginning. */
  elapsed(): number;
}

export interface AgentTimers {
  /** Calls once after so many milliseconds. @returns calls it off */
  after(ms: number, action: () => void): () => void;
}

/** What the link calls. Messages have been parsed by their schemas. */
export interface AgentLinkHandlers {
  /** Asked for once at each connection, and at each `announce`; the first one's number goes into the last will. */
  birth(): BirthMessage;
  onWelcome(message: WelcomeMessage): void;
  onCommand(message: CommandMessage): void;
  onAck(message: AckMessage): void;
  onState(state: 'connected' | 'disconnected'): void;
}

/** The way to the console. It keeps the connection by itself; what is sent while there is none is lost, and the agent sends it again. */
export interface AgentLink {
  report(message: ReportMessage): void;
  telemetry(message: TelemetryMessage): void;
  /** Sends the birth message of this session again. */
  announce(): void;
  close(): Promise<void>;
}

/** The artifact server. Errors: SERVER_BUSY with `retryAfterMs` in its details while it sheds, DOWNLOAD_FAILED for the rest. */
export interface AgentArtifacts {
  readonly fetch: Fetch;
  /** Base for blobs: `<blobsUrl>/<sha256>`. */
  readonly blobsUrl: string;
  /** @param rootVersion that the device trusts; @param digest of the manifest that is wanted */
  documents(rootVersion: number, digest: string, signal?: AbortSignal): Promise<Pick<UpdateDocuments, 'roots' | 'freshness' | 'manifest'>>;
  /** The time, signed for this nonce of 32 hex digits. */
  time(nonce: string, signal?: AbortSignal): Promise<Uint8Array>;
  close(): void;
}

/** One model that is loaded and ready. */
export interface LoadedModel {
  /** SHA-256 of the manifest whose files the loading process read: told by it, not by whoever asked for it. */
  readonly digest: string;
  /**
   * Feeds the next inputs of the workload, one after the other.
   * @returns milliseconds of each inference. @throws RUNTIME_ERROR, RUNTIME_CRASHED, RESOURCE_LIMIT
   */
  infer(count: number): Promise<readonly number[]>;
  /** Accuracy on the labelled samples that came with an artifact, its own or another's; null: none came. */
  check(of: InstalledModel, signal?: AbortSignal): Promise<{ readonly value: number; readonly samples: number } | null>;
  /** One picture (PNG, JPEG) or NumPy array from outside. @throws BAD_REQUEST and what `infer` throws */
  answer(body: Uint8Array): Promise<ModelAnswer>;
  /** Told once when it ended without having been asked to. */
  onEnd(listener: (error: Error) => void): void;
  /** Idempotent. */
  close(): Promise<void>;
}

export interface ModelAnswer {
  readonly latencyMs: number;
  /** Scores of the first output that looks like class scores; null: none does. */
  readonly scores: readonly number[] | null;
  readonly label: string | null;
}

/** Loads models; each one is on its own, so that one that dies takes no other along. */
export interface ModelRuntime {
  /** @throws WRONG_CONTENT where the files are not those of the record; RUNTIME_ERROR, RUNTIME_CRASHED, RESOURCE_LIMIT */
  load(model: InstalledModel): Promise<LoadedModel>;
}

/** Energy so far, from some beginning; the agent takes differences. */
export interface EnergyMeter {
  /** For example `RAPL package-0`, or `modelled 4 W idle, 12 W busy`. */
  readonly source: string;
  readonly tier: EnergyTier;
  /** Power when nothing runs; null: unknown, and no energy above idle is told. */
  readonly idleW: number | null;
  /** @param busyMs time so far in which an inference ran. @returns joules so far; null: it cannot be read now */
  read(busyMs: number): number | null;
}

export interface AgentSensors {
  temperatureC(): number | null;
  /** Share of the machine's processors that the agent's processes took since the last call, 0 to 1; null: unknown. */
  cpuShare(): number | null;
}

export interface AgentPorts {
  readonly clock: AgentClock;
  readonly timers: AgentTimers;
  /** 0 to 1; not for secrets. */
  readonly random: () => number;
  /** 32 hex digits that nobody can guess. */
  readonly nonce: () => string;
  readonly disk: InstallDisk;
  /** Starts to connect, and keeps trying. */
  readonly connect: (handlers: AgentLinkHandlers) => AgentLink;
  /** @param url base of the artifact server; that of `artifactsUrl`, later what the console tells */
  readonly artifacts: (url: string) => AgentArtifacts;
  readonly artifactsUrl: string;
  /** The signed root document to begin to trust with; not asked for once something is kept. */
  readonly firstRoot: () => Promise<Uint8Array>;
  readonly models: ModelRuntime;
  readonly sensors: AgentSensors;
  readonly energy: EnergyMeter | null;
  readonly inventory: () => Promise<Inventory>;
  /** One line for whoever looks at the device; never a secret. */
  readonly log: (line: string) => void;
}

/** Values that a device may be configured with; what the console desires goes first where it says something. */
export interface AgentOptions {
  readonly telemetryEveryMs: number;
  readonly framesPerS: number;
  /** Frames that are due are fed together at most so often; 0: each at its own moment. For many agents in one process. */
  readonly frameBatchMs: number;
  /** Inferences in a row that a new model must answer before it is confirmed. */
  readonly confirmInferences: number;
  /** In confirming it may be so many times slower (p95) than in its benchmark. */
  readonly confirmSlowdown: number;
  readonly benchmark: {
    /** Inferences of each model. */
    readonly runs: number;
    /** No more are begun after so long; never fewer than 20 of each. */
    readonly maxMs: number;
    /** Each of the four stretches at the workload's own pace over which power and temperature are read, where they can be; 0: they are not. */
    readonly stretchMs: number;
  };
  readonly download: DownloadPolicy;
  /** A candidate that was started so often without being confirmed goes back. */
  readonly maxStarts: number;
  /** How much telemetry is kept while nobody takes it. */
  readonly spool: { readonly maxBatches: number; readonly rowsPerBatch: number };
  /** Pause between two notes on a download under way. */
  readonly progressEveryMs: number;
}

export const DEFAULT_AGENT: AgentOptions = {
  telemetryEveryMs: 10_000,
  framesPerS: 5,
  frameBatchMs: 0,
  confirmInferences: 20,
  confirmSlowdown: 3,
  benchmark: { runs: 200, maxMs: 60_000, stretchMs: 3000 },
  download: DEFAULT_DOWNLOAD,
  maxStarts: 3,
  spool: { maxBatches: 500, rowsPerBatch: 100 },
  progressEveryMs: 5000,
};
