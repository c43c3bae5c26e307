/** What every error of this program can say beside its message. */
export interface ErrorContext {
  /** The operation that failed, as an operator would name it: "add service". */
  readonly op?: string;
  /** The object it was done to: "TCP 10.0.0.1:80". */
  readonly subject?: string;
  /** What to do about it: one short sentence without a full stop. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/** Exit statuses; a promise to callers. */
export const EXIT_OK = 0;
export const EXIT_FAILURE = 1;
export const EXIT_USAGE = 2;

/** The root of all errors that this program throws on purpose. Anything else is a defect. */
export class LvscareError extends Error {
  override readonly name: string = "LvscareError";
  readonly op: string | undefined;
  readonly subject: string | undefined;
  readonly hint: string | undefined;
  /** The name of the errno that it means ("EPERM"), where it means one. */
  readonly errno: string | undefined;

  constructor(message: string, context: ErrorContext = {}, errno?: string) {
    super(message, context.cause === undefined ? undefined : { cause: context.cause });
    this.op = context.op;
    this.subject = context.subject;
    this.hint = context.hint;
    this.errno = errno;
  }

  get exitStatus(): number {
    return EXIT_FAILURE;
  }

  /** Whether this failure means the errno of that name. Callers ask this instead of reading messages. */
  is(errno: string): boolean {
    return this.errno === errno;
  }
}

/** A command line that cannot be understood. */
export class UsageError extends LvscareError {
  override readonly name = "UsageError";
  override get exitStatus(): number {
    return EXIT_USAGE;
  }
}

/** Where in the configuration something stands. */
export interface ConfigPosition {
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  /** The way to the value inside the file: "services[2].servers[0].weight". */
  readonly path?: string;
}

/** A configuration, from flags, environment or files, that cannot be used. */
export class ConfigError extends LvscareError {
  override readonly name = "ConfigError";
  readonly position: ConfigPosition;

  constructor(message: string, position: ConfigPosition = {}, context: ErrorContext = {}) {
    super(message, context);
    this.position = position;
  }

  override get exitStatus(): number {
    return EXIT_USAGE;
  }
}

/** Bytes that are not what the protocol says. */
export class WireError extends LvscareError {
  override readonly name = "WireError";
  /** Offset of the fault from the start of the message, when it is known. */
  readonly offset: number | undefined;
  /** The attribute in which it was found: "IPVS_SVC_ATTR_PORT". */
  readonly attribute: string | undefined;

  constructor(
    message: string,
    where: { readonly offset?: number; readonly attribute?: string } = {},
    context: ErrorContext = {},
  ) {
    super(message, context);
    this.offset = where.offset;
    this.attribute = where.attribute;
  }
}

/** A system call that failed. */
export class SyscallError extends LvscareError {
  override readonly name = "SyscallError";
  constructor(
    message: string,
    /** The call: "bind". */
    readonly call: string,
    override readonly errno: string,
    context: ErrorContext = {},
  ) {
    super(message, context, errno);
  }
}

/** What the kernel answered to a request when it refused it. */
export class KernelError extends LvscareError {
  override readonly name = "KernelError";
  constructor(
    message: string,
    /** The request by the kernel's name: "IPVS_CMD_NEW_SERVICE". */
    readonly command: string,
    override readonly errno: string,
    /** The extended acknowledgement, where the kernel gave one. */
    readonly extendedAck: { readonly text?: string; readonly offset?: number } = {},
    context: ErrorContext = {},
  ) {
    super(message, context, errno);
  }
}

/** A program that was run and failed. */
export class CommandError extends LvscareError {
  override readonly name = "CommandError";
  constructor(
    message: string,
    readonly argv: readonly string[],
    /** Its exit status, or null when a signal or the time limit ended it. */
    readonly exit: number | null,
    readonly stderr: string,
    /** The errno that its words mean, when they mean one. */
    errno?: string,
    context: ErrorContext = {},
  ) {
    super(message, context, errno);
  }
}

/** Something that this kernel, host or implementation cannot do; the one error that allows a fallback. */
export class UnsupportedError extends LvscareError {
  override readonly name = "UnsupportedError";
  constructor(
    message: string,
    /** What is missing: "ip_vs", "IPv6 over gre tunnels". */
    readonly feature: string,
    context: ErrorContext = {},
  ) {
    super(message, context);
  }
}
