/** Larder is not to be had, or does not do what it was asked to. */
export class LarderError extends Error {}

export interface Start {
  /** The program; else `LARDER_BIN`, or `larder` on the PATH. */
  program?: string;
  /** What runs functions: `docker`, `sandbox` or `auto`. */
  executor?: string;
  /** Pod with whose state the tests begin. */
  pod?: string;
  /** Where failing tests leave pods; `.larder-failures` unless it is said. */
  failures?: string;
}

/** Starts a server, which ends with `stop()`, and with this process, however that ends. */
export function startLarder(options?: Start): Promise<Larder>;

/** The server that another process has started, by `LARDER_ENDPOINT` and `LARDER_TOKEN` of its `environment`. */
export function connectLarder(options?: { failures?: string }): Larder;

/** An invocation, as `GET /_larder/invocations` has it. */
export interface Invocation {
  request_id: string;
  function: string;
  version: string;
  trigger: { kind: string };
  started: string;
  end: string;
  error?: string;
  duration_ms: number;
  cold: boolean;
  calls: number;
}

/** A running server, and where the present test began. */
export class Larder {
  readonly endpoint: string;

  /** Variables by which AWS's SDKs, its command line and `larder` find the server: for subprocesses. */
  readonly environment: Record<string, string>;

  /** Settings of AWS's clients: `new LambdaClient(larder.clientConfig)`. */
  readonly clientConfig: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
  };

  /** Names the state of now, and returns what `rewind` takes. A name that is taken moves here. */
  mark(name: string): Promise<string>;

  /** Brings a state back: `mark:NAME`, a sequence, a time. Events that wait and messages of queues are dropped. */
  rewind(to: string): Promise<void>;

  /** Puts a pod's state in the place of all there is. Who trusts it has it start what it asks for. */
  loadPod(path: string, options?: { trust?: boolean }): Promise<void>;

  /**
   * Writes the state of now, with what was invoked since the test began, for `larder reproduce`. What looks like a
   * secret is left out, unless `redact` says otherwise: `auto`, `env:GLOB`, or nothing.
   */
  savePod(path: string, options?: { redact?: string[] }): Promise<void>;

  /** Waits until no asynchronous event waits or runs: of all functions, or of those that a name chooses. */
  waitForEvents(options?: { function?: string; timeoutMs?: number }): Promise<void>;

  /** What was invoked since the test began, the oldest first: of all functions, or of those that a name chooses. */
  invocations(options?: { function?: string; errors?: boolean }): Promise<Invocation[]>;

  /** All that is remembered of an invocation, of its last attempt: event, answer, log, calls. */
  invocation(requestId: string): Promise<Record<string, any>>;

  /**
   * Runs a test: what it does to the state is undone at its end; it may begin with the state of a pod. Where it fails,
   * what happened is left as a pod under its name. Of one server, one test at a time.
   */
  isolated<T>(name: string, body: (larder: Larder) => T | Promise<T>, options?: { pod?: string; trust?: boolean }): Promise<T>;

  /** Ends a server that was started here. */
  stop(): Promise<void>;
}
