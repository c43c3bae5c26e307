/** The contracts for what a host must be set to: kernel parameters and modules. */

/** Kernel parameters by their dotted names ("net.ipv4.vs.conntrack"). */
export interface Sysctl {
  /** The value, or undefined where the kernel has no such parameter. */
  read(name: string): Promise<string | undefined>;
  /** Sets the value if it differs and says what it was; a parameter that is not there is an UnsupportedError. */
  ensure(name: string, value: string): Promise<{ readonly before: string } | undefined>;
}

export interface Modules {
  isLoaded(name: string): Promise<boolean>;
  /**
   * Loads the module and what it depends on. Where that is impossible, one UnsupportedError says why: not
   * there for this kernel, not permitted, or refused.
   */
  load(name: string): Promise<void>;
}
