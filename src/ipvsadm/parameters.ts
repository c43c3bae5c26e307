/** The parameters that were given beside a command, each at most once. */

import { UsageError } from "../errors.ts";
import {
  CHECKSUM_OPTIONS,
  FORWARDING_OPTIONS,
  type ParameterName,
  SERVICE_OPTIONS,
} from "./options.ts";
import type { GivenOption } from "./tokens.ts";

type ServiceOption = (typeof SERVICE_OPTIONS)[number];
export type ForwardingOption = (typeof FORWARDING_OPTIONS)[number];
export type ChecksumOption = (typeof CHECKSUM_OPTIONS)[number];

export class Parameters {
  readonly #given = new Map<string, GivenOption>();
  /** The one option that names the service. */
  readonly service: (GivenOption & { readonly name: ServiceOption }) | undefined;
  readonly forwarding: (GivenOption & { readonly name: ForwardingOption }) | undefined;
  readonly checksum: (GivenOption & { readonly name: ChecksumOption }) | undefined;

  constructor(options: readonly GivenOption[]) {
    for (const option of options) {
      if (this.#given.has(option.name)) {
        throw new UsageError(`option "${option.spelling}": must be given only once`);
      }
      this.#given.set(option.name, option);
    }
    this.service = this.#oneOf(SERVICE_OPTIONS);
    this.forwarding = this.#oneOf(FORWARDING_OPTIONS);
    this.checksum = this.#oneOf(CHECKSUM_OPTIONS);
  }

  has(name: ParameterName): boolean {
    return this.#given.has(name);
  }

  get(name: ParameterName): GivenOption | undefined {
    return this.#given.get(name);
  }

  value(name: ParameterName): string | undefined {
    return this.#given.get(name)?.value;
  }

  #oneOf<Name extends ParameterName>(
    names: readonly Name[],
  ): (GivenOption & { readonly name: Name }) | undefined {
    const found = names.flatMap((name) => {
      const option = this.#given.get(name);
      return option === undefined ? [] : [{ ...option, name }];
    });
    const [first, second] = found;
    if (first !== undefined && second !== undefined) {
      throw new UsageError(
        `option "${second.spelling}": must not stand beside "${first.spelling}"`,
      );
    }
    return first;
  }
}
